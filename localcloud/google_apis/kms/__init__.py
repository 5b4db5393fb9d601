"""Cloud KMS: symmetric keys with rotation, additional authenticated data and checksums."""
