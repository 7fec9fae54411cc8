# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk through the panels that tools/gui_check.py has Blender take; runs inside Blender with a window.

The walk is a generator: between its steps Blender draws and handles events as it does for a person. It yields the
seconds to wait, or a function that must become true.
"""

import importlib
import json
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import addon_utils
import bpy

PACKAGE = "bl_ext.user_default.doppel"
OPTIONS = json.loads(sys.argv[sys.argv.index("--") + 1])
SHOTS = Path(OPTIONS["shots"])
_DRAWN: list[float] = []  # when the viewport was drawn
Walk = Generator[float | Callable[[], bool], None, None]


class Report:
    """What was checked and measured; a failed check does not end the walk."""

    lines: list[str] = []
    failed = False

    @classmethod
    def check(cls, fine: bool, what: str) -> None:
        cls.lines.append(f"{'ok  ' if fine else 'FAIL'}  {what}")
        cls.failed |= not fine
        cls.write()

    @classmethod
    def note(cls, what: str) -> None:
        cls.lines.append(f"      {what}")
        cls.write()

    @classmethod
    def write(cls) -> None:
        Path(OPTIONS["report"]).write_text(json.dumps({"lines": cls.lines, "failed": cls.failed}), encoding="utf-8")


def module(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


def session() -> Any:
    return module("blender_addon.session").current()


def preferences() -> Any:
    return bpy.context.preferences.addons[PACKAGE].preferences


def viewport() -> tuple[bpy.types.Window, bpy.types.Area]:
    window = bpy.context.window_manager.windows[0]
    return window, max((area for area in window.screen.areas if area.type == "VIEW_3D"), key=lambda a: a.width)


@contextmanager
def in_viewport(region: str = "WINDOW") -> Iterator[None]:
    window, area = viewport()
    chosen = next(item for item in area.regions if item.type == region)
    with bpy.context.temp_override(window=window, area=area, region=chosen):
        yield


def shoot(name: str, crop: str = "") -> Walk:
    """A picture of the screen, once all has been drawn; taken by another process while Blender's loop goes on."""
    for _ in range(3):
        drawn = len(_DRAWN)
        for area in bpy.context.window_manager.windows[0].screen.areas:
            area.tag_redraw()
        yield lambda before=drawn: len(_DRAWN) > before
        yield 0.4
    path = SHOTS / f"{name}.png"
    command = ["import", "-window", "root", *(["-crop", crop, "+repage"] if crop else []), str(path)]
    process = subprocess.Popen(command)
    yield lambda: process.poll() is not None
    Report.check(process.returncode == 0 and path.is_file(), f"picture {name}")


def sidebar() -> bpy.types.Region:
    return next(region for region in viewport()[1].regions if region.type == "UI")


def scroll_to(end: str) -> Walk:
    """Show the sidebar's top or bottom."""
    with in_viewport("UI"):
        for _ in range(40):
            if end == "bottom":
                bpy.ops.view2d.scroll_down(deltay=120)
            else:
                bpy.ops.view2d.scroll_up(deltay=120)
    yield 0.5


def wait_for(what: str, reached: Callable[[], bool]) -> Walk:
    began = time.monotonic()
    yield reached
    Report.note(f"{what} after {time.monotonic() - began:.1f} s")


def walk() -> Walk:
    window, area = viewport()
    with in_viewport():
        bpy.ops.screen.screen_full_area()
    yield 0.5
    window, area = viewport()
    open_by_default("DOPPEL_PT_export", *(["DOPPEL_PT_photo"] if "photo" in OPTIONS["parts"] else []))
    area.spaces.active.show_region_ui = True
    area.spaces.active.overlay.show_cursor = False
    yield 0.5
    sidebar().active_panel_category = "Doppel"
    for name in ("Cube", "Camera", "Light"):
        if name in bpy.data.objects:
            bpy.data.objects.remove(bpy.data.objects[name])
    area.spaces.active.region_3d.view_distance = 4.5
    area.spaces.active.region_3d.view_location = (0.0, 0.0, 0.9)
    area.spaces.active.region_3d.view_rotation = (0.76, 0.62, 0.11, 0.14)
    yield 1.0
    parts = {
        "first-run": first_run,
        "make": make,
        "photo": photo,
        "results": results,
        "troubleshooting": troubleshooting,
        "robustness": robustness,
    }
    for part in OPTIONS["parts"]:
        if part != "first-run":
            preferences().worker_python = OPTIONS["worker_python"]
        yield from parts[part]()


def make() -> Walk:
    yield from ask()
    yield from body()
    yield from queue()
    yield from pose()
    yield from finish()


def open_by_default(*names: str) -> None:
    """Have panels that are folded at first drawn open; to be called before they are drawn for the first time."""
    for name in names:
        panel = getattr(bpy.types, name)
        bpy.utils.unregister_class(panel)
        panel.bl_options = panel.bl_options - {"DEFAULT_CLOSED"}
        bpy.utils.register_class(panel)


def first_run() -> Walk:
    Report.check(session().state == "off", "nothing runs before it is asked for")
    yield from shoot("first-run")
    preferences().torch_build = "cpu"
    with in_viewport("UI"):
        bpy.ops.doppel.setup_worker("INVOKE_DEFAULT")
    yield from shoot("setup")
    yield from press("Escape")


def press(key: str) -> Walk:
    process = subprocess.Popen(["xdotool", "key", key])
    yield lambda: process.poll() is not None
    yield 0.5


def body() -> Walk:
    settings = bpy.context.scene.doppel
    settings.show_preview = True
    yield from wait_for("the preview body, by Blender's own timer", lambda: settings.preview is not None)
    settings.body.height_cm = 178.0
    settings.body.gender = 0.9
    yield from shoot("body")
    measure_preview()


def pose() -> Walk:
    with in_viewport("UI"):
        bpy.ops.wm.call_panel(name="DOPPEL_PT_pose_library", keep_open=True)
    yield from shoot("pose-library")
    yield from press("Escape")
    with in_viewport():
        bpy.ops.ed.undo_push(message="before the pose")
        bpy.ops.doppel.apply_pose("EXEC_DEFAULT", True, pose="WAVING")
        bpy.ops.doppel.apply_hands("EXEC_DEFAULT", True, hand="VICTORY", side="right")
        bpy.ops.doppel.apply_face("EXEC_DEFAULT", True, face="SMILE")
    yield from shoot("pose")
    posed = lowest_hand()
    with in_viewport():
        for _ in range(3):
            bpy.ops.ed.undo()
    yield 0.5
    settings = bpy.context.scene.doppel
    Report.check(settings.hands.right_index != 0.0 and settings.jaw == 0.0, "undo takes the steps back one by one")
    Report.check(abs(lowest_hand() - posed) > 0.05, "the body in the viewport goes back with its sliders")
    with in_viewport():
        for _ in range(3):
            bpy.ops.ed.redo()
    yield 0.5
    Report.check(abs(lowest_hand() - posed) < 1e-4, "and forth again by redo")


def lowest_hand() -> float:
    """Height of the preview's lower hand: the lowest of the vertices that reach out furthest to the right."""
    vertices = bpy.context.scene.doppel.preview.data.vertices
    return min(vertex.co.z for vertex in sorted(vertices, key=lambda vertex: vertex.co.x)[:200])


def measure_preview() -> None:
    """Milliseconds from a moved slider to the moved mesh."""
    live, settings = module("blender_addon.live"), bpy.context.scene.doppel
    for title, move in (
        ("shape", lambda step: setattr(settings.body, "weight", 0.3 + step * 0.004)),
        ("pose", lambda step: setattr(settings.pose, "left_elbow", (0.0, -0.01 * step, 0.0))),
    ):
        wall, cpu = [], []
        for step in range(100):
            began = time.perf_counter(), time.thread_time()
            move(step)
            live.refresh()
            wall.append((time.perf_counter() - began[0]) * 1000)
            cpu.append((time.thread_time() - began[1]) * 1000)
        count, spent = len(settings.preview.data.vertices), statistics.median(cpu)
        Report.check(
            spent <= 16.0,  # the thread's own time: other programs of this machine are not the preview's fault
            f"live body, {title}: median {spent:.1f} ms of CPU time, {statistics.median(wall):.1f} ms by the clock "
            f"(best {min(wall):.1f}), {count} vertices",
        )


_TICKS: list[float] = []  # milliseconds of CPU time that each tick of the pump took


def time_the_pump() -> None:
    pump = module("blender_addon.pump")
    original = pump.pump

    def timed() -> bool:
        began = time.thread_time()
        try:
            return original()
        finally:
            _TICKS.append((time.thread_time() - began) * 1000)

    pump.pump = timed


def ask() -> Walk:
    """Two avatars are asked for, the second is cancelled; meanwhile the walk goes on."""
    time_the_pump()
    settings = bpy.context.scene.doppel
    settings.prompt = "a man in a blue shirt and jeans"
    settings.quality = "FAST"
    settings.seed, settings.lock_seed, settings.hypotheses = 11, True, 2
    for _ in range(2):
        with in_viewport():
            bpy.ops.doppel.generate()
        settings.seed, settings.hypotheses = 12, 1
    yield from wait_for("the worker is ready", lambda: session().state == "ready")


def queue() -> Walk:
    table = session().table
    first, second = table.jobs.values()
    yield from wait_for("the first picture", lambda: bool(first.preview) and first.step > 0 or not first.active)
    yield from shoot("queue")
    with in_viewport():
        bpy.ops.doppel.cancel_job(job=second.job)
    Report.check(second.text == "Cancelling", "Cancel answers at once")
    yield from wait_for("the cancelled one is over", lambda: not second.active)
    path = str(Path(OPTIONS["report"]).with_name("mid-job.blend"))
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    yield 1.0
    Report.check(first.job in session().table.jobs, "a file saved and opened again in mid-job has its job")


def finish() -> Walk:
    table = session().table
    before = len(bpy.context.window_manager.doppel.results)
    yield from wait_for("the avatars", lambda: not table.active())
    states = sorted(view.state for view in table.jobs.values())
    Report.check(states == ["cancelled", "done"], f"one is done, one was cancelled: {states}")
    yield 2.0
    listed = len(bpy.context.window_manager.doppel.results)
    Report.check(listed >= max(before, 2), f"{listed} results are listed")
    slow = ", ".join(f"{tick:.0f}" for tick in sorted(_TICKS)[-5:])
    Report.note(
        f"{len(_TICKS)} ticks of the pump: median {statistics.median(_TICKS):.2f}, slowest {slow} ms of CPU time"
    )


def photo() -> Walk:
    settings = bpy.context.scene.doppel
    settings.prompt = "a woman"
    with in_viewport("UI"):
        bpy.ops.doppel.choose_photo("EXEC_DEFAULT", True, filepath=OPTIONS["photo"])
    yield 3.0
    yield from shoot("reference-image")
    time_the_pump()
    with in_viewport():
        bpy.ops.doppel.fit_photo()
    name = bpy.context.scene.name
    yield from wait_for("the fit", lambda: not bpy.data.scenes[name].doppel.photo_job)
    settings = bpy.context.scene.doppel
    Report.check(bool(settings.photo_fit) and settings.photo_body == "FIT", "the sliders are filled from the photo")
    settings.show_preview = True
    yield 3.0
    with in_viewport("UI"):
        for _ in range(4):
            bpy.ops.view2d.scroll_down(deltay=120)
    yield from shoot("photo-fit")
    with in_viewport():
        bpy.ops.ed.undo()
    yield 0.5
    settings = bpy.context.scene.doppel
    Report.check(settings.photo_body == "PHOTO", "a fit is one step of undo")
    table = session().table
    before = set(table.jobs)
    with in_viewport():
        bpy.ops.doppel.generate()
    yield 0.5
    yield from wait_for("the avatar of the photo", lambda: not table.active())
    states = [view.state for job, view in table.jobs.items() if job not in before]
    Report.check(states == ["done"], f"the photo became an avatar: {states}")
    settings.photo, settings.show_preview = "", False
    yield 0.5


def results() -> Walk:
    bpy.context.scene.doppel.show_preview = False
    yield from wait_for("the gallery", lambda: len(bpy.context.window_manager.doppel.results) > 0)
    yield 0.5
    yield from scroll_to("bottom")
    yield from shoot("results")
    with in_viewport():
        bpy.ops.doppel.choose_result(index=1, extend=True)
    with in_viewport("UI"):
        bpy.ops.doppel.compare_results("INVOKE_DEFAULT")
    yield from shoot("compare")
    yield from press("Escape")
    with in_viewport():
        bpy.ops.doppel.choose_result(index=0)
        bpy.ops.ed.undo_push(message="before the import")
        bpy.ops.doppel.import_result("EXEC_DEFAULT", True)
    viewport()[1].spaces.active.shading.color_type = "TEXTURE"  # Material Preview takes minutes without a graphics card
    yield 2.0
    armature = bpy.context.view_layer.objects.active
    Report.check(armature.doppel.is_avatar and len(armature.data.bones) == 55, "the avatar stands in the scene")
    armature.doppel.pose.left_elbow = (0.0, -1.2, 0.0)
    yield from shoot("character")
    yield from scroll_to("bottom")
    yield from shoot("export")
    exported = SHOTS.parent / "exported.glb"
    with in_viewport():
        bpy.ops.doppel.export_glb(filepath=str(exported))
    Report.check(exported.is_file(), f"exported: {exported.stat().st_size / 2**20:.1f} MB of GLB")
    count = len(bpy.data.objects)
    with in_viewport():
        bpy.ops.ed.undo()
    Report.check(len(bpy.data.objects) < count, "an import is one step of undo")
    with in_viewport():
        bpy.ops.ed.redo()
    yield 0.5
    viewport()[1].spaces.active.shading.color_type = "MATERIAL"


def troubleshooting() -> Walk:
    error = module("backend.protocol.errors").DoppelError
    table = session().table
    view = table.sent("failed-job-1", "a man in a dark suit", 12, request={"prompt": "a man", "seed": 12})
    view.state = "failed"
    view.error = error("out_of_memory", "there was not enough memory for the stage 'lift'", "lower the texture size")
    yield from scroll_to("top")
    yield from shoot("error")
    table.dismiss("failed-job-1")
    with in_viewport("UI"):
        bpy.ops.doppel.check_installation("INVOKE_DEFAULT")
    yield from wait_for("the check of the installation", lambda: session().checkup.finished)
    findings = session().checkup.findings
    todo = [finding.text for finding in findings if finding.advice]
    Report.check(len(findings) >= 7 and not todo, f"{len(findings)} things checked, to do: {todo}")
    yield 1.0
    yield from shoot("doctor")
    windows = bpy.context.window_manager.windows
    if len(windows) > 1:
        with bpy.context.temp_override(window=windows[-1]):
            bpy.ops.wm.window_close()
    yield 0.5


def robustness() -> Walk:
    if session().state != "off":
        with in_viewport():
            bpy.ops.doppel.stop_worker()
    results = len(bpy.context.window_manager.doppel.results)
    for _ in range(10):
        addon_utils.disable(PACKAGE)
        addon_utils.enable(PACKAGE)
        yield 0.1
    Report.check(hasattr(bpy.types, "DOPPEL_PT_prompt"), "ten times disabled and enabled")
    yield 1.0
    listed = len(bpy.context.window_manager.doppel.results)
    Report.check(listed == results, f"the gallery is read from the disk without a worker: {listed} results")


def drive(steps: Walk) -> Callable[[], float | None]:
    state: dict[str, Any] = {"until": None, "since": 0.0}

    def tick() -> float | None:
        try:
            if state["until"] is not None:
                if not state["until"]():
                    if time.monotonic() - state["since"] > OPTIONS["patience"]:
                        raise TimeoutError("a step of the walk took too long")
                    return 0.05
                state["until"] = None
            wanted = next(steps)
            if callable(wanted):
                state.update(until=wanted, since=time.monotonic())
                return 0.05
            return wanted
        except StopIteration:
            pass
        except Exception:
            Report.check(False, traceback.format_exc())
        Report.write()
        bpy.ops.wm.quit_blender()
        return None

    return tick


bpy.types.SpaceView3D.draw_handler_add(lambda: _DRAWN.append(time.monotonic()), (), "WINDOW", "POST_PIXEL")
bpy.app.timers.register(drive(walk()), first_interval=4.0, persistent=True)
