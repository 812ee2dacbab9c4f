"""Engines: one cache of models, with an end, and two of them side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import codec
from codec.models.compact import family as compact

Photo = Callable[[int, int], np.ndarray]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is loaded, in order."""
    seen: list[tuple[str, int]] = []
    for role in ("load_encoder", "load_restorer"):
        plain = getattr(compact.CompactFamily, role)

        def counting(self: object, folder: Path, config: dict, scale: int, runtime: object, *, role: str = role,
                     plain: Callable = plain) -> object:  # fmt: skip
            seen.append((role, scale))
            return plain(self, folder, config, scale, runtime)

        monkeypatch.setattr(compact.CompactFamily, role, counting)
    return seen


def test_a_model_is_loaded_once_and_leaves_when_others_need_its_place(
    tiny_package: Path, photo: Photo, loads: list[tuple[str, int]]
) -> None:
    with codec.Engine(model=str(tiny_package), kept=2) as engine:
        data = {scale: codec.encode(photo(64, 64), scale=scale, engine=engine) for scale in (4, 8)}
        loads.clear()
        for scale in (4, 4, 8, 4, 8):
            codec.decode(data[scale], engine=engine)
        assert loads == [("load_restorer", 4), ("load_restorer", 8)]
        codec.encode(photo(64, 64), scale=16, engine=engine)  # in place of scale 4
        codec.decode(data[8], engine=engine)
        codec.decode(data[4], engine=engine)
        assert loads[2:] == [("load_encoder", 16), ("load_restorer", 4)]
    with pytest.raises(codec.InputError, match="this engine is closed"):
        codec.decode(data[4], engine=engine)


def test_weights_that_change_are_loaded_anew(
    tiny_package: Path, photo: Photo, tmp_path: Path, loads: list[tuple[str, int]]
) -> None:
    from shutil import copytree

    folder = Path(copytree(tiny_package, tmp_path / "model"))
    with codec.Engine(model=str(folder), any_model=True) as engine:
        data = codec.encode(photo(64, 64), engine=engine)
        before = np.asarray(codec.decode(data, engine=engine))
        weights = bytearray((folder / "denoiser.safetensors").read_bytes())
        weights[-2000:] = bytes(2000)
        (folder / "denoiser.safetensors").write_bytes(weights)
        after = np.asarray(codec.decode(data, engine=engine))
    assert np.any(before != after)
    assert loads.count(("load_restorer", 4)) == 2


@pytest.mark.slow
def test_two_engines_with_different_budgets(tiny_package: Path, photo: Photo) -> None:
    """Less memory means more pieces and the same pixels, in whatever order the engines are used."""
    data = codec.encode(photo(600, 450), model=str(tiny_package), effort="fast")

    def pieces(engine: codec.Engine) -> tuple[int, np.ndarray]:
        totals: list[int] = []
        image = codec.decode(data, engine=engine, realism=0, on_progress=lambda _, total: totals.append(total))
        return totals[-1], np.asarray(image)

    with (
        codec.Engine(model=str(tiny_package), max_vram=0.1) as small,
        codec.Engine(model=str(tiny_package)) as large,
    ):
        results = [pieces(engine) for engine in (small, large, small, large)]
    counts = [count for count, _ in results]
    assert counts[1] == counts[3] == 1 < counts[0] == counts[2]
    assert all(np.array_equal(pixels, results[0][1]) for _, pixels in results)


def test_an_engine_has_its_own_options(tiny_package: Path, photo: Photo) -> None:
    with codec.Engine(model=str(tiny_package)) as engine:
        data = codec.encode(photo(32, 32), engine=engine)
        with pytest.raises(codec.InputError, match="give these to the engine"):
            codec.decode(data, engine=engine, device="cpu")
    for wrong in ("cpu", 3):
        with pytest.raises(codec.InputError, match=r"expected a codec\.Engine"):
            codec.decode(data, engine=wrong)  # type: ignore[arg-type]
    with pytest.raises(codec.InputError, match="kept is 0"):
        codec.Engine(kept=0)


def test_threads_get_what_one_alone_gets(tiny_package: Path, photo: Photo) -> None:
    """Several at once: other files, one file, regions, encoding beside decoding."""
    model = str(tiny_package)
    files = [codec.encode(photo(200 + 8 * i, 150), scale=scale, model=model) for i, scale in enumerate((4, 8, 16, 4))]
    want = [np.asarray(codec.decode(data, model=model)) for data in files]
    shared, wrong = codec.open(files[0], model=model), list[str]()

    def work(number: int) -> None:
        for round_ in range(3):
            i = (number + round_) % len(files)
            if not np.array_equal(np.asarray(codec.decode(files[i], model=model)), want[i]):
                wrong.append(f"file {i}")
            box = (10 * number, 5 * round_, 60, 70)
            part = np.asarray(shared.decode(region=box))
            if not np.array_equal(part, want[0][box[1] : box[1] + 70, box[0] : box[0] + 60]):
                wrong.append(f"region {box}")
            if codec.encode(photo(200, 150), scale=4, model=model) != files[0]:
                wrong.append("encode")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
