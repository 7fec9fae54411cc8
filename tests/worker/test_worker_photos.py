"""Photos on their way through the worker: the frame, the kept file, the fit as a job."""

import hashlib
import time

import pytest
from tiny_worker import TinyPipeline

from backend.photo.networks import why_unavailable
from backend.protocol.errors import DoppelError
from backend.protocol.messages import Message, encode
from backend.protocol.photo import MAX_PHOTO_BYTES

pytestmark = pytest.mark.skipif(bool(why_unavailable()), reason=f"photos cannot be read here: {why_unavailable()}")

JOB = "job-photo-1"
PHOTO = b"the bytes of a photo"
NAMED = {"photo": hashlib.sha256(PHOTO).hexdigest()}
BACK = b"the bytes of a photo from behind"
BOTH = {**NAMED, "back_photo": hashlib.sha256(BACK).hexdigest()}


class Sitter:
    def __init__(self, data):
        self._data = data

    def save(self, folder):
        (folder / "body.json").write_bytes(self._data)


class PhotoPipeline(TinyPipeline):
    def __call__(self, request, progress, cancelled, photo=None, back_photo=None):
        assert photo.read_bytes() == PHOTO
        assert (back_photo.read_bytes() if request.back_photo else back_photo) == (BACK if request.back_photo else None)
        return super().__call__(request, progress, cancelled)

    def sitter(self, request, photo, cancelled):
        if request.person:
            raise DoppelError("photo_person_unknown", "there is one person only")
        return Sitter(photo.read_bytes())


@pytest.fixture
def client(run_server):
    with run_server(pipeline_factory=PhotoPipeline).client() as client:
        yield client


def send(client, type, request, *frames):
    client.socket.send_multipart(encode(Message(type, {"job": JOB, "request": request}, frames)))
    return client.receive()


def soon_empty(folder):
    """Whether a folder is emptied: the job's end is told before its photo is removed."""
    for _ in range(500):
        if not list(folder.iterdir()):
            return True
        time.sleep(0.01)
    return False


def outcome(client):
    while (message := client.receive()).type not in ("done", "failed"):
        pass
    return message


def test_hello_says_that_photos_can_be_read(client):
    assert "fit_photo" in client.hello.fields["capabilities"] and client.hello.fields["photo"] == "ready"


def test_hello_says_why_they_cannot(run_server, monkeypatch, tmp_path):
    monkeypatch.setenv("DOPPEL_PHOTO_NETWORKS", str(tmp_path / "absent"))
    with run_server(pipeline_factory=PhotoPipeline).client() as client:
        assert "fit_photo" not in client.hello.fields["capabilities"]
        assert str(tmp_path / "absent") in client.hello.fields["photo"]
        answer = send(client, "generate", NAMED, PHOTO)
        assert answer.fields["code"] == "photo_unavailable" and "doppel setup photo" in answer.fields["hint"]


@pytest.mark.parametrize("kind", ["generate", "fit_photo"])
def test_the_photo_reaches_the_pipeline_and_is_removed_afterwards(client, kind, tmp_path):
    assert send(client, kind, {**NAMED, "prompt": ""}, PHOTO).type == "accepted"
    done = outcome(client)
    assert done.type == "done", done.fields
    assert ("body.json" in done.fields["avatars"][0]["files"]) == (kind == "fit_photo")
    assert soon_empty(tmp_path / "state" / "photos")


def test_both_photos_reach_the_pipeline_and_are_removed_afterwards(client, tmp_path):
    assert send(client, "generate", {**BOTH, "prompt": "slow"}, PHOTO, BACK).type == "accepted"
    assert len(list((tmp_path / "state" / "photos").iterdir())) == 2
    done = outcome(client)
    assert done.type == "done", done.fields
    assert soon_empty(tmp_path / "state" / "photos")


def test_a_failed_fit_keeps_nothing(client, tmp_path):
    send(client, "fit_photo", {**NAMED, "person": 3}, PHOTO)
    assert outcome(client).fields["code"] == "photo_person_unknown"
    assert soon_empty(tmp_path / "state" / "photos")


def test_what_is_refused_before_it_is_queued(client, tmp_path):
    for kind, request, frames in (
        ("generate", NAMED, ()),
        ("generate", NAMED, (b"another photo",)),
        ("generate", BOTH, (PHOTO,)),
        ("generate", BOTH, (PHOTO, PHOTO)),
        ("generate", BOTH, (BACK, PHOTO)),
        ("generate", {"prompt": "a man", "back_photo": BOTH["back_photo"]}, (BACK,)),
        ("fit_photo", BOTH, (PHOTO,)),
        ("fit_photo", {"prompt": "no photo at all"}, ()),
        ("fit_photo", {"photo": "../../etc/passwd"}, (PHOTO,)),
    ):
        assert send(client, kind, request, *frames).fields["code"] == "photo_invalid"
    assert list((tmp_path / "state" / "photos").iterdir()) == []
    with pytest.raises(DoppelError, match="frame"):
        encode(Message("generate", {"job": JOB}, (bytes(MAX_PHOTO_BYTES + 1),)))


def test_the_photo_that_is_wrong_is_named(client):
    assert "the back photo" in send(client, "generate", BOTH, PHOTO, PHOTO).fields["message"]
    assert "the photo" in send(client, "generate", BOTH, BACK, BACK).fields["message"]


def test_a_photo_left_by_a_dead_worker_is_removed(run_server, tmp_path):
    photos = tmp_path / "state" / "photos"
    photos.mkdir(parents=True)
    (photos / "job-of-nobody").write_bytes(PHOTO)
    (photos / "job-of-nobody.back").write_bytes(BACK)
    run_server()
    assert list(photos.iterdir()) == []
