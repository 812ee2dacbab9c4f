"""Every measure the bench knows: its name, what it says, which way is better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Better = Literal["higher", "lower", "one"]
Scope = Literal["picture", "set"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One measure.

    Attributes:
        name: key in results files.
        title: for tables and axes.
        better: which way; "one" = the nearer to 1.
        scope: one value a picture, or one a set of pictures.
        unit: "" = a plain number.
        digits: decimals worth showing.
        source: "bench" = ours; otherwise the package or tool that computes it.
        partial: whether only some pictures have it (those with a face, with a word); a mean is then over these.
    """

    name: str
    title: str
    better: Better
    scope: Scope = "picture"
    unit: str = ""
    digits: int = 3
    source: str = "bench"
    partial: bool = False

    @property
    def arrow(self) -> str:
        """Which way is better, to stand behind the title."""
        up, down, right = "\N{UPWARDS ARROW}", "\N{DOWNWARDS ARROW}", "\N{RIGHTWARDS ARROW}"
        return {"higher": f" {up}", "lower": f" {down}", "one": f" {right} 1"}[self.better]

    def to_dict(self) -> dict[str, str | int]:
        """JSON-ready fields without the name."""
        return {k: v for k, v in asdict(self).items() if k != "name"}


OURS = (
    Metric(name="psnr", title="PSNR (RGB)", better="higher", unit="dB", digits=2),
    Metric(name="psnr_y", title="PSNR (Y)", better="higher", unit="dB", digits=2),
    Metric(name="ssim", title="SSIM (Y)", better="higher"),
    Metric(name="ms_ssim", title="MS-SSIM (Y)", better="higher"),
    Metric(name="ms_ssim_rgb", title="MS-SSIM (RGB)", better="higher"),
    Metric(name="texture", title="Texture", better="lower"),
    Metric(name="sharp", title="Sharpness", better="one", digits=2),
    Metric(name="lattice", title="Lattice", better="lower"),
    Metric(name="grain", title="Grain", better="lower"),
    Metric(name="crease", title="Crease", better="lower"),
    Metric(name="patch_fd", title="Patch FD", better="lower", scope="set", digits=1),
)
EXTERNAL = (
    Metric(name="lpips_alex", title="LPIPS (Alex)", better="lower", source="pyiqa"),
    Metric(name="lpips_vgg", title="LPIPS (VGG)", better="lower", source="pyiqa"),
    Metric(name="dists", title="DISTS", better="lower", source="pyiqa"),
    Metric(name="musiq", title="MUSIQ", better="higher", digits=2, source="pyiqa"),
    Metric(name="clipiqa", title="CLIPIQA", better="higher", source="pyiqa"),
    Metric(name="niqe", title="NIQE", better="lower", digits=2, source="pyiqa"),
    Metric(name="maniqa", title="MANIQA", better="higher", source="pyiqa"),
    Metric(name="topiq", title="TOPIQ", better="higher", source="pyiqa"),
    Metric(name="qalign", title="Q-Align", better="higher", digits=2, source="pyiqa"),
    Metric(name="clipiqa_plus", title="CLIPIQA+", better="higher", source="pyiqa"),
    Metric(name="nima", title="NIMA", better="higher", digits=2, source="pyiqa"),
    Metric(name="liqe", title="LIQE", better="higher", digits=2, source="pyiqa"),
    Metric(name="patch_fid", title="Patch FID", better="lower", scope="set", digits=1, source="pyiqa"),
    Metric(name="ssimulacra2", title="SSIMULACRA2", better="higher", digits=1, source="ssimulacra2"),
    Metric(
        name="ssimulacra2_py",
        title="SSIMULACRA2 (Python)",
        better="higher",
        digits=1,
        source="ssimulacra2_py",
    ),
    Metric(name="butteraugli_3n", title="Butteraugli 3-norm", better="lower", digits=2, source="butteraugli_main"),
)
#: Networks that others trained, as judges.
JUDGES = (
    Metric(name="stlpips", title="ST-LPIPS", better="lower", source="judges"),
    Metric(name="face", partial=True, title="Face distance", better="lower", source="judges"),
    Metric(name="face_lost", partial=True, title="Faces lost", better="lower", source="judges"),
    Metric(name="eye", partial=True, title="Eye error", better="lower", source="judges"),
    Metric(name="text_lost", partial=True, title="Text lost", better="lower", source="judges"),
)
ALL = {m.name: m for m in (*OURS, *EXTERNAL, *JUDGES)}
