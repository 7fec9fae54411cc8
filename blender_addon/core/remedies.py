# SPDX-License-Identifier: GPL-3.0-or-later
"""Which button mends which error."""

from typing import NamedTuple


class Remedy(NamedTuple):
    """An operator that helps, as a button."""

    operator: str
    text: str
    icon: str


FREE_MEMORY = Remedy("doppel.free_memory", "Free Memory", "TRASH")
LOWER_QUALITY = Remedy("doppel.lower_quality", "Lower the Quality", "TRIA_DOWN")
OPEN_LOG = Remedy("doppel.show_log", "Open the Log's Folder", "TEXT")
RESTART = Remedy("doppel.restart_worker", "Restart the Worker", "FILE_REFRESH")
SET_UP = Remedy("doppel.setup_worker", "Set Up Worker", "IMPORT")
START_OVER = Remedy("doppel.setup_worker_afresh", "Set Up From Scratch", "FILE_REFRESH")
PREFERENCES = Remedy("doppel.open_preferences", "Open Preferences", "PREFERENCES")
DOCTOR = Remedy("doppel.check_installation", "Check the Installation", "CHECKMARK")
RESET_BODY = Remedy("doppel.reset_body", "Reset the Shape", "LOOP_BACK")
REFRESH = Remedy("doppel.refresh_results", "Refresh the Results", "FILE_REFRESH")
OPEN_FOLDER = Remedy("doppel.open_avatar_folder", "Open the Avatar Folder", "FILE_FOLDER")
SET_UP_PHOTOS = Remedy("doppel.setup_photos", "Set Up Photos", "IMPORT")
CHOOSE_PHOTO = Remedy("doppel.choose_photo", "Choose Another Image", "IMAGE_REFERENCE")
ALLOW_ONLINE = Remedy("doppel.open_network_preferences", "Open Network Preferences", "URL")

_BY_CODE: dict[str, tuple[Remedy, ...]] = {
    "out_of_memory": (FREE_MEMORY, LOWER_QUALITY),
    "disk_full": (OPEN_FOLDER,),
    "state_unwritable": (PREFERENCES,),
    "weights_missing": (DOCTOR, PREFERENCES),
    "weights_corrupt": (DOCTOR,),
    "environment_incomplete": (START_OVER, DOCTOR),
    "environment_broken": (START_OVER,),
    "python_missing": (SET_UP, PREFERENCES),
    "venv_failed": (PREFERENCES,),
    "wheel_missing": (PREFERENCES,),
    "wheels_missing": (PREFERENCES,),
    "pip_failed": (SET_UP, PREFERENCES),
    "package_altered": (SET_UP, PREFERENCES),
    "setup_cancelled": (SET_UP,),
    "setup_failed": (SET_UP, START_OVER),
    "offline": (ALLOW_ONLINE, PREFERENCES),
    "device_missing": (PREFERENCES,),
    "body_invalid": (RESET_BODY,),
    "request_refused": (RESET_BODY,),
    "result_missing": (REFRESH,),
    "worker_stopped": (RESTART,),
    "worker_lost": (RESTART, OPEN_LOG),
    "worker_exited": (RESTART, OPEN_LOG),
    "worker_crashed": (RESTART, OPEN_LOG),
    "worker_not_ready": (RESTART, OPEN_LOG),
    "worker_not_started": (PREFERENCES, DOCTOR),
    "protocol_mismatch": (RESTART, SET_UP),
    "key_refused": (RESTART, PREFERENCES),
    "key_unreadable": (OPEN_FOLDER,),
    "endpoint_invalid": (PREFERENCES,),
    "client_failed": (RESTART,),
    "store_unreadable": (OPEN_FOLDER,),
    "internal": (OPEN_LOG,),
    "photo_unavailable": (SET_UP_PHOTOS,),
    "photo_missing": (CHOOSE_PHOTO,),
    "photo_format": (CHOOSE_PHOTO,),
    "photo_damaged": (CHOOSE_PHOTO,),
    "photo_too_large": (CHOOSE_PHOTO,),
    "photo_too_small": (CHOOSE_PHOTO,),
    "photo_dark": (CHOOSE_PHOTO,),
    "photo_no_person": (CHOOSE_PHOTO,),
    "photo_tiny_person": (CHOOSE_PHOTO,),
}


def remedies(code: str) -> tuple[Remedy, ...]:
    """The buttons to show with an error, the likeliest cure first; none where words must do."""
    return _BY_CODE.get(code, ())
