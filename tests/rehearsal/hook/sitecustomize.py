"""Python runs this before any program that finds it: see `tests.rehearsal.pretended`."""

import os

if "SCRIPTED_MACHINE" in os.environ:
    from tests.rehearsal.pretended import begin

    begin(os.environ["SCRIPTED_MACHINE"], os.environ["SCRIPTED_FILES"])
