"""Writing rasters: cloud-optimised GeoTIFFs, verified, under locks and renamed when complete."""
