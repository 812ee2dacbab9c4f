"""TUDSR (two upsample-and-diffuse passes with two adapters on one backbone) as a decoder of stored LR pictures."""
