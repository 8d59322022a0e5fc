import stat

import pytest

from accelsim.errors import InputError
from accelsim.files import check_folder, write_whole


@pytest.mark.small
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "layers.csv"
    write_whole(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(InputError, match=r"layers\.csv: cannot write 3 bytes: No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["layers.csv"]


@pytest.mark.small
def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="taken"):
        write_whole(tmp_path / "taken" / "plots" / "a.csv", b"")


@pytest.mark.small
def test_files_are_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    write_whole(tmp_path / "written", b"")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "written")]
    assert modes[0] == modes[1]


@pytest.mark.small
def test_a_folder_that_cannot_be_is_refused_and_none_is_made(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("")
    for below in ("taken", "taken/x/y"):
        with pytest.raises(InputError, match=r"cannot be a folder of results: .*taken is no folder"):
            check_folder(tmp_path / below)
    check_folder(tmp_path / "new" / "deep")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
    monkeypatch.chdir(tmp_path)
    check_folder(tmp_path.relative_to(tmp_path) / "relative")
    monkeypatch.setattr("os.access", lambda *_: False)  # whoever runs the tests may write everywhere
    with pytest.raises(InputError, match="may not be written to"):
        check_folder(tmp_path / "new")
