# SPDX-License-Identifier: GPL-2.0-or-later
# Has Python programs read YAML with libyaml, where it is: a tenth of the time under emulation.

import yaml

if hasattr(yaml, "CSafeLoader"):
    yaml.safe_load = lambda text: yaml.load(text, yaml.CSafeLoader)
