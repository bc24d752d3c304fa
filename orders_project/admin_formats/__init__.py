"""How the back office writes dates and times (`settings.FORMAT_MODULE_PATH`)."""
