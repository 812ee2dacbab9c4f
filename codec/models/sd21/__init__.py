"""The `sd21` family: the published TADM around Stable Diffusion 2.1-base. Only this package uses diffusers and peft."""
