"""The sections of the speed benchmark: each is a race between pixelgbm and what else would do the job."""
