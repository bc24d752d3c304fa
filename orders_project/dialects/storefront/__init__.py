"""The storefront's interface: camelCase JSON, bearer tokens, errors as JSON strings."""
