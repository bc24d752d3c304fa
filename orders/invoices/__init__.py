"""The paper that proves an order: its invoice, and the links under which anyone who has one sees it."""
