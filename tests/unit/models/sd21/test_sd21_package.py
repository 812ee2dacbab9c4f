"""Packages of the `sd21` family: made of a release, moved, broken, verified."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

pytest.importorskip("diffusers", reason="the sd21 family needs diffusers")
pytest.importorskip("peft", reason="the sd21 family needs peft")

from click.testing import CliRunner, Result
from peft import PeftModel

from codec.cli import main
from codec.errors import InputError, ModelError
from codec.models import store as library
from codec.models.package import Package, open_package
from codec.models.sd21.adapters import add_adapter, is_trained, read_adapter
from codec.models.sd21.backbone import find_folder, find_parts, load_backbone
from codec.models.sd21.config import Sd21Config
from codec.models.sd21.importing import import_tadm
from codec.models.sd21.package import load_package
from codec.models.sd21.prompt import embed_prompt, read_prompt
from codec.models.sd21.release import build_pipeline, read_release


def arguments(release: Path) -> dict[str, object]:
    return {
        "backbone": str(release / "backbone"), "dfrm": release / "dfrm.pkl", "tadm": release / "tadm.pkl",
        "scale": 16, "prompt": release / "prompt.npy",
    }  # fmt: skip


@pytest.mark.slow
def test_a_package_decodes_as_the_release_does(tiny_release: Path, tiny_sd21: Path) -> None:
    dfrm, tadm = (torch.load(tiny_release / name, weights_only=True) for name in ("dfrm.pkl", "tadm.pkl"))
    backbone = load_backbone(find_parts(tiny_release / "backbone"))
    direct = build_pipeline(backbone, read_release(dfrm, tadm, 16), read_prompt(tiny_release / "prompt.npy"))
    packed = load_package(tiny_sd21, merge=False)
    lr = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1
    assert torch.equal(packed.decode(lr, plan=None).x_hat, direct.decode(lr, plan=None).x_hat)
    merged = load_package(tiny_sd21).decode(lr, plan=None).x_hat
    torch.testing.assert_close(merged, packed.decode(lr, plan=None).x_hat, atol=1e-4, rtol=0)


def test_peft_reads_the_adapters(tiny_release: Path, tiny_sd21: Path) -> None:
    """Also `conv_in`, which the release trained whole."""
    config = Sd21Config.from_dict(
        {k: v for k, v in open_package(tiny_sd21).config.items() if k not in ("scales", "backbone", "sources")}
    )
    parts = find_parts(tiny_release / "backbone")
    ours = load_backbone(parts).unet
    tensors = read_adapter(tiny_sd21 / "unet_adapter", config.unet_adapter)
    with torch.no_grad():
        tensors["conv_in.weight"] += 0.5
    add_adapter(ours, config.unet_adapter, tensors, "test", is_trained)
    folder = tiny_sd21.parent / "changed_adapter"
    shutil.copytree(tiny_sd21 / "unet_adapter", folder)
    stored = load_file(folder / "adapter_model.safetensors")
    save_file(
        stored | {"base_model.model.conv_in.weight": tensors["conv_in.weight"]}, folder / "adapter_model.safetensors"
    )
    theirs = PeftModel.from_pretrained(load_backbone(parts).unet, str(folder))
    z, t, prompt = torch.randn(1, 4, 8, 8), torch.tensor([50.0]), torch.randn(1, 77, 32)
    with torch.no_grad():
        got = theirs(z, t, encoder_hidden_states=prompt, return_dict=False)[0]
        expected = ours(z, t, encoder_hidden_states=prompt, return_dict=False)[0]
        plain = load_backbone(parts).unet(z, t, encoder_hidden_states=prompt, return_dict=False)[0]
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)
    assert (plain - expected).abs().max() > 1e-2


def imported(out: Path, release: Path, **more: str) -> Package:
    import_tadm(out, **more, **arguments(release))  # type: ignore[arg-type]
    return open_package(out)


class TestIdentity:
    @pytest.mark.slow
    def test_it_is_of_weights_and_backbone_not_of_places(self, tiny_release: Path, tmp_path: Path) -> None:
        moved = Path(shutil.copytree(tiny_release, tmp_path / "moved"))
        config = moved / "backbone/unet/config.json"
        fields = json.loads(config.read_text())
        config.write_text(json.dumps(fields | {"_diffusers_version": "0.0"}, indent=8))
        here, there = imported(tmp_path / "a", moved).model_id(16), imported(tmp_path / "b", tiny_release).model_id(16)
        assert here == there
        weights = moved / "backbone/unet/diffusion_pytorch_model.safetensors"
        tensors = load_file(weights)
        tensors["conv_out.bias"] += 1
        save_file(tensors, weights)
        assert imported(tmp_path / "c", moved).model_id(16) != here

    def test_an_unknown_family(self, tiny_sd21: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(tiny_sd21, tmp_path / "copy"))
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"family": "sd35"}))
        with pytest.raises(ModelError, match="family is 'sd35', expected one of compact, sd21"):
            open_package(folder).model_id(16)


class TestBackbone:
    @pytest.mark.slow
    def test_one_that_has_moved(self, tiny_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = Path(shutil.copytree(tiny_release, tmp_path / "first"))
        import_tadm(tmp_path / "package", **arguments(first))  # type: ignore[arg-type]
        second = first.rename(tmp_path / "second")
        with pytest.raises(ModelError, match=r"its backbone is not at .*first.*set TADMC_BACKBONE"):
            load_package(tmp_path / "package")
        monkeypatch.setenv("TADMC_BACKBONE", str(second / "backbone"))
        assert load_package(tmp_path / "package").scale == 16

    def test_one_that_has_changed(self, tiny_release: Path, tmp_path: Path) -> None:
        release = Path(shutil.copytree(tiny_release, tmp_path / "release"))
        import_tadm(tmp_path / "package", **arguments(release))  # type: ignore[arg-type]
        weights = release / "backbone/vae/diffusion_pytorch_model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        status = weights.stat()
        weights.write_bytes(data)
        with pytest.raises(ModelError, match=r"vae/.*safetensors is not the file it was made for"):
            load_package(tmp_path / "package")
        # a change that hides behind the old time and size is found by a full check
        os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(ModelError, match="not the file it was made for"):
            load_package(tmp_path / "package", check=True)

    @pytest.mark.slow
    def test_a_vae_of_its_own(self, tiny_release: Path, tmp_path: Path) -> None:
        vae = Path(shutil.copytree(tiny_release / "backbone/vae", tmp_path / "vae"))
        made = imported(tmp_path / "package", tiny_release, vae=str(vae))
        assert made.config["sources"]["vae/config.json"][0] == str(vae / "config.json")
        assert load_package(tmp_path / "package").scale == 16

    def test_names_that_are_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="no such folder, and no copy of that hub name"):
            find_folder("nobody/no-such-model")
        with pytest.raises(ModelError, match="neither a folder nor a hub name"):
            find_folder("a/b/c/d")


class TestPrompt:
    def test_a_text_encoder_of_the_same_class(self, tmp_path: Path) -> None:
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

        (tmp_path / "tokenizer").mkdir()
        letters = "abcdefghijklmnopqrstuvwxyz0123456789,.-"
        words = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
        (tmp_path / "tokenizer/vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
        (tmp_path / "tokenizer/merges.txt").write_text("#version: 0.2\n")
        tokenizer = CLIPTokenizer(
            str(tmp_path / "tokenizer/vocab.json"), str(tmp_path / "tokenizer/merges.txt"), model_max_length=77
        )
        tokenizer.save_pretrained(tmp_path / "tokenizer")
        config = CLIPTextConfig(
            vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            bos_token_id=len(words) - 2, eos_token_id=len(words) - 1, pad_token_id=len(words) - 1,
        )  # fmt: skip
        CLIPTextModel(config).save_pretrained(tmp_path / "text_encoder")
        embedding = embed_prompt(tmp_path)
        assert (embedding.shape, embedding.dtype) == ((1, 77, 32), torch.float32)
        assert torch.equal(embedding, embed_prompt(tmp_path))
        assert not torch.equal(embedding, embed_prompt(tmp_path, "another"))

    def test_stored_ones(self, tmp_path: Path) -> None:
        wanted = torch.randn(1, 77, 8)
        save_file({"x": wanted}, tmp_path / "a.safetensors")
        assert torch.equal(read_prompt(tmp_path / "a.safetensors"), wanted)
        np.save(tmp_path / "b.npy", np.zeros((77, 8), np.float32))
        with pytest.raises(ModelError, match=r"shape is \(77, 8\), expected \(1, tokens, width\)"):
            read_prompt(tmp_path / "b.npy")
        np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
        with pytest.raises(ModelError, match="not readable"):
            read_prompt(tmp_path / "c.npy")
        with pytest.raises(ModelError, match=r"has no tokenizer/.*--prompt"):
            embed_prompt(tmp_path)


class _Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


class TestImport:
    def test_nothing_pickled_is_run(self, tiny_release: Path, tmp_path: Path) -> None:
        torch.save({"x": _Malicious(tmp_path / "harm")}, tmp_path / "bad.pkl")
        with pytest.raises(ModelError, match=r"bad\.pkl is not readable as plain tensors"):
            import_tadm(tmp_path / "package", **arguments(tiny_release) | {"tadm": tmp_path / "bad.pkl"})  # type: ignore[arg-type]
        assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.pkl"]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "not readable"),
            (b"PK\x03\x04junk", "not readable"),
            (b"\x80\x02]q\x00.", "not readable|expected named tensors"),
        ],
    )
    def test_broken_checkpoints(self, tiny_release: Path, tmp_path: Path, content: bytes, words: str) -> None:
        (tmp_path / "bad.pkl").write_bytes(content)
        with pytest.raises(ModelError, match=words):
            import_tadm(tmp_path / "package", **arguments(tiny_release) | {"dfrm": tmp_path / "bad.pkl"})  # type: ignore[arg-type]
        assert not (tmp_path / "package").exists()

    @pytest.mark.slow
    def test_every_form_of_the_rescaler_s_file(self, tiny_release: Path, tiny_sd21: Path, tmp_path: Path) -> None:
        """The release saves `{"state_dict": ...}`; its module may have been wrapped for several GPUs."""
        plain = torch.load(tiny_release / "dfrm.pkl", weights_only=True)
        parallel = {f"module.{name}": tensor for name, tensor in plain.items()}
        for number, content in enumerate(({"state_dict": plain}, parallel, {"state_dict": parallel})):
            torch.save(content, tmp_path / "dfrm.pkl")
            out = tmp_path / str(number)
            import_tadm(out, **arguments(tiny_release) | {"dfrm": tmp_path / "dfrm.pkl"})  # type: ignore[arg-type]
            assert open_package(out).model_id(16) == open_package(tiny_sd21).model_id(16)
        name = next(iter(plain))
        torch.save(plain | {f"module.{name}": plain[name]}, tmp_path / "dfrm.pkl")
        with pytest.raises(ModelError, match=rf"1 tensors unexpected \(module\.{name}"):
            import_tadm(tmp_path / "x", **arguments(tiny_release) | {"dfrm": tmp_path / "dfrm.pkl"})  # type: ignore[arg-type]

    def test_what_does_not_fit_is_not_written(self, tiny_release: Path, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="rescaler checkpoint for scale 8"):
            import_tadm(tmp_path / "package", **arguments(tiny_release) | {"scale": 8})  # type: ignore[arg-type]
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "taken").mkdir()
        with pytest.raises(InputError, match="already exists"):
            import_tadm(tmp_path / "taken", **arguments(tiny_release))  # type: ignore[arg-type]

    @pytest.mark.slow
    def test_the_command_line(self, tiny_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TADMC_MODELS", str(tmp_path / "models"))

        def models(*words: str) -> Result:
            return CliRunner().invoke(main, ["models", *words])

        words = [f"--{name}={value}" for name, value in arguments(tiny_release).items()]
        made = models("import-tadm", *words, "-o", "mine")
        assert (made.exit_code, made.stderr.split()[:2]) == (0, ["made", "mine"])
        assert [(p.name, p.family.name, p.scales) for p in library.installed()] == [("mine", "sd21", (16,))]
        load_package(tmp_path / "models/mine", check=True)
        (tmp_path / "models/mine/scheduler.safetensors").write_bytes(b"x")
        broken = models("verify", "mine")
        assert broken.exit_code not in (0, 1)
        assert "scheduler.safetensors" in broken.stderr
        assert len(broken.stderr.splitlines()) == 1


def test_adding_copies_everything(tiny_sd21: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TADMC_MODELS", str(tmp_path / "models"))
    added = library.add(tiny_sd21, "copy")
    assert added.model_id(16) == open_package(tiny_sd21).model_id(16)
    assert load_package(added.folder).scale == 16
