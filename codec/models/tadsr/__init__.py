"""TADSR (timestep-aware diffusion for super-resolution) as a decoder of stored LR pictures."""
