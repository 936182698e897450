"""Generated cloud that is laid over chips while training.

Thresholded fractal noise has the outlines of cloud; what makes the eye see cloud is that it is soft where ice is sharp,
nearly white, lit from one side, and that the ground shows through where it is thin. Fields are drawn in the frequency
domain with a random slope and stretched in a random direction, which gives banks, streets, cells and wisps.
"""

from __future__ import annotations

import torch


def fractal(
    shape: tuple[int, int, int],
    slope: float | torch.Tensor,
    generator: torch.Generator,
    device: torch.device,
    stretch: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return fields (N, H, W) of zero mean and unit deviation whose power falls with the frequency.

    Args:
        shape: (N, H, W).
        slope: The power spectrum falls with the frequency to the minus `slope`; 2 is rough, 4 is smooth. Or one each, (N,).
        generator: Where chance comes from, on `device`.
        device: Where to draw.
        stretch: (N, 2) angle in radians and ratio of the axes of streaks; None: the same in all directions.
    """
    n, height, width = shape
    side = max(height, width)
    row = torch.fft.fftfreq(side, device=device)[:, None] * side
    column = torch.fft.rfftfreq(side, device=device)[None, :] * side
    frequency = _stretched(row[None], column[None], stretch)
    frequency[:, 0, 0] = 1
    power = torch.as_tensor(slope, device=device, dtype=torch.float32).expand(n).view(n, 1, 1)
    noise = torch.randn((n, 2, side, side // 2 + 1), generator=generator, device=device)
    spectrum = torch.complex(noise[:, 0], noise[:, 1]) * frequency ** (-power / 2)
    spectrum[:, 0, 0] = 0
    field = torch.fft.irfft2(spectrum, s=(side, side))[:, :height, :width]
    scaled: torch.Tensor = (field - field.mean(dim=(1, 2), keepdim=True)) / field.std(dim=(1, 2), keepdim=True)
    return scaled


def _stretched(row: torch.Tensor, column: torch.Tensor, stretch: torch.Tensor | None) -> torch.Tensor:
    if stretch is None:
        return torch.hypot(row, column)
    sine, cosine = torch.sin(stretch[:, 0]).view(-1, 1, 1), torch.cos(stretch[:, 0]).view(-1, 1, 1)
    along, across = row * sine + column * cosine, row * cosine - column * sine
    return torch.hypot(along * stretch[:, 1].view(-1, 1, 1), across)


def cloud_cover(pixels: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Lay cloud over chips.

    Args:
        pixels: (N, bands, H, W), 0 to 1.
        generator: Where chance comes from, on the device of `pixels`.

    Returns:
        The clouded chips, and the opacity of the cloud (N, H, W), 0 to 1.
    """
    n, _, height, width = pixels.shape
    device = pixels.device

    def between(low: float, high: float) -> torch.Tensor:
        return torch.rand((n, 1, 1), generator=generator, device=device) * (high - low) + low

    angle, ratio = between(0, torch.pi).flatten(), torch.exp(between(0, 1.8) * (between(0, 1) < 0.6)).flatten()
    stretch = torch.stack((angle, ratio), dim=1)
    shape = (n, height, width)
    cover = fractal(shape, between(2.4, 3.8).flatten(), generator, device, stretch)
    texture = fractal(shape, between(2.5, 4.2).flatten(), generator, device, stretch)
    thickness = torch.relu(cover - between(-1.8, 0.9)) * torch.exp(between(-1.2, 1.4)) * (1 + 0.2 * texture)
    opacity = (1 - torch.exp(-thickness.clamp(min=0))) * between(0.5, 1.0)
    lit = between(0, 2 * torch.pi)
    relief = _relief(thickness + 0.2 * texture, lit)
    bright = between(0.55, 0.95) + 0.06 * between(0, 1.5) * texture + 0.4 * between(0, 1) ** 2 * relief
    tint = 1 + (torch.rand((n, pixels.shape[1], 1, 1), generator=generator, device=device) - 0.5) * 0.05
    cloud = bright[:, None].clamp(0.3, 1) * tint
    shown = _blur_below(pixels, opacity[:, None]) if height > 4 else pixels
    return (shown * (1 - opacity[:, None]) + cloud * opacity[:, None]).clamp(0, 1), opacity


def _relief(height: torch.Tensor, lit: torch.Tensor) -> torch.Tensor:
    """Return the slope towards the light, small where the cloud is flat."""
    down, right = torch.gradient(height, dim=(1, 2))
    return (down * torch.sin(lit) + right * torch.cos(lit)).clamp(-0.5, 0.5)


def _blur_below(pixels: torch.Tensor, opacity: torch.Tensor) -> torch.Tensor:
    """Blur the pixels under cloud, which scatters their light."""
    soft = torch.nn.functional.avg_pool2d(pixels, 3, stride=1, padding=1, count_include_pad=False)
    return pixels + (soft - pixels) * (opacity * 2).clamp(0, 1)
