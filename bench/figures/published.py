"""Figures that papers report, to stand beside ours, marked as theirs. None was measured here."""

from __future__ import annotations

from bench.figures.tables import Table

#: TADSR, Table 3 (DRealSR): the dial.
TADSR_SWEEP: Table = (
    ["t_s", "PSNR", "SSIM", "MUSIQ", "TOPIQ", "Q-Align"],
    [
        ["100", "29.576", ".8021", "64.022", ".6201", "3.4666"],
        ["200", "29.610", ".8059", "63.735", ".6108", "3.4750"],
        ["300", "29.167", ".7935", "65.367", ".6463", "3.6069"],
        ["400", "29.245", ".7992", "64.681", ".6149", "3.5635"],
        ["500", "28.387", ".7758", "67.016", ".6758", "3.7491"],
        ["600", "28.473", ".7834", "66.620", ".6597", "3.7372"],
    ],
)
#: TADSR, Tables 2, 4 and 5: what is left out, or lambda / gamma.
TADSR_ABLATION: Table = (
    ["variant", "set", "PSNR", "SSIM", "MUSIQ", "CLIPIQA", "TOPIQ", "MANIQA"],
    [
        ["baseline", "RealSR", "24.39", "-", "70.22", ".6751", ".6391", "-"],
        ["without TAE", "RealSR", "24.89", "-", "70.08", ".6857", ".6466", "-"],
        ["without TAVSD", "RealSR", "24.84", "-", "70.96", ".6930", ".6553", "-"],
        ["full", "RealSR", "25.16", ".7150", "71.18", ".7283", ".7082", ".6715"],
        ["baseline", "DRealSR", "27.45", "-", "65.90", ".6887", ".6275", "-"],
        ["without TAE", "DRealSR", "27.95", "-", "65.95", ".7030", ".6396", "-"],
        ["without TAVSD", "DRealSR", "28.03", "-", "66.95", ".7015", ".6373", "-"],
        ["full", "DRealSR", "28.39", ".7758", "67.02", ".7398", ".6758", ".6309"],
        ["without blurred MSE", "DRealSR", "29.074", ".7841", "64.732", "-", "-", "-"],
        ["lambda .25, gamma 0", "RealSR", "25.757", ".7218", "69.408", "-", "-", ".6541"],
        ["lambda .75, gamma 0", "RealSR", "24.398", ".7038", "71.484", "-", "-", ".6774"],
        ["lambda .5, gamma 50", "RealSR", "25.090", ".7159", "70.742", "-", "-", ".6702"],
        ["lambda .5, gamma 100", "RealSR", "24.809", ".7115", "70.918", "-", "-", ".6727"],
    ],
)
#: TADSR, Table 7: 128 -> 512 on an RTX 3090.
TADSR_COST: Table = (
    ["method", "seconds", "parameters, M"],
    [
        ["TADSR", ".1465", "1777"], ["OSEDiff", ".1463", "1775"], ["PiSA-SR (2 steps)", ".1675", "1302"],
        ["S3Diff", ".4704", "1327"], ["AdcSR", ".0825", "456"], ["TSD-SR", ".0947", "2207"], ["SinSR", ".1785", "119"],
    ],
)  # fmt: skip
#: TADM, Table 2: DIV2K validation, 16x.
TADM_SPACES: Table = (
    ["latent space", "pixel space", "SD prior", "LPIPS", "DISTS"],
    [
        ["no", "yes", "yes", "0.3630", "0.1154"],
        ["yes", "no", "no", "0.4675", "0.3109"],
        ["yes", "no", "yes", "0.2979", "0.0886"],
    ],
)
