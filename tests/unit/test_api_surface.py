"""The public names are a promise: removing or renaming one must be seen in a change to this list."""

import dataclasses
import inspect
import pickle

import codec

SURFACE = {
    "check": "(prefix)",
    "decode": "(data, *, region, options, realism, seed, denoise, fixed_timestep, passes, mark, on_progress, limits, "
    "engine, device, dtype, max_vram, compile, model, any_model)",
    "encode": "(source, *, options, scale, payload, quality, bpp, max_bytes, effort, chroma, strip, alpha_quality, "
    "engine, model, device)",
    "open": "(data, *, limits, engine, device, dtype, max_vram, compile, model, any_model)",
    "read_info": "(data, *, limits)",
    "restore": "(source, *, scale, options, realism, seed, denoise, fixed_timestep, passes, mark, quality, "
    "on_progress, limits, engine, device, dtype, max_vram, compile, model)",
    "thumbnail": "(data, *, limits)",
    "DecodeLimits": "pixels file_bytes chunks metadata_bytes slabs",
    "DecodeOptions": "realism seed denoise fixed_timestep passes mark",
    "Engine": "(*, device, dtype, max_vram, compile, model, any_model, engine, kept)",
    "EngineOptions": "device dtype max_vram compile model any_model engine",
    "EncodeOptions": "scale payload quality bpp max_bytes effort chroma strip alpha_quality",
    "Info": "width height scale lr_width lr_height payload quality bytes payload_bytes bpp model_id grid slabs alpha "
    "icc exif xmp timesteps unknown_chunks",
    "Saved": "timesteps notes",
    "TadmImage": "(data, *, engine, limits)",
}
EXIT_CODES = {
    "TadmError": 1, "FormatError": 3, "SignatureError": 3, "TruncatedError": 3, "ChecksumError": 3,
    "UnsupportedError": 4, "LimitError": 5, "ModelError": 6, "DeviceMemoryError": 6, "InputError": 8,
}  # fmt: skip


def describe(value: object) -> str:
    if dataclasses.is_dataclass(value):
        return " ".join(f.name for f in dataclasses.fields(value))
    assert callable(value)
    names, keyword = [], False
    for p in inspect.signature(value).parameters.values():
        if p.kind is p.KEYWORD_ONLY and not keyword:
            names.append("*")
            keyword = True
        names.append("**" + p.name if p.kind is p.VAR_KEYWORD else p.name)
    return f"({', '.join(names)})"


def test_public_names() -> None:
    assert set(codec.__all__) == {*SURFACE, *EXIT_CODES, "__version__"}
    assert {name: describe(getattr(codec, name)) for name in SURFACE} == SURFACE


def test_exit_codes() -> None:
    assert {name: getattr(codec, name).exit_code for name in EXIT_CODES} == EXIT_CODES
    assert issubclass(codec.InputError, ValueError)


def test_public_names_are_documented() -> None:
    for name in {*SURFACE, *EXIT_CODES}:
        assert (
            vars(getattr(codec, name))["__doc__"]
            if inspect.isclass(getattr(codec, name))
            else getattr(codec, name).__doc__
        ), name
    for kind in (codec.Engine, codec.TadmImage):
        for name, member in vars(kind).items():
            assert name.startswith("_") or member.__doc__, f"{kind.__name__}.{name}"


def test_errors_survive_a_process_pool() -> None:
    for name in EXIT_CODES:
        kind = getattr(codec, name)
        made = kind("what", limit="pixels", value=3) if kind is codec.LimitError else kind("what")
        again = pickle.loads(pickle.dumps(made))
        assert (type(again), str(again), vars(again)) == (kind, "what", vars(made))
