# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: parse what the user chose, call core and tool, report."""
