# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels of the sidebar tab. They only draw."""
