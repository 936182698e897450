"""The library's face, a function for every command: paths, open datasets, arrays and xarray in, arrays and files out.

Users import these from the package itself: `import seaice_cli as seaice; seaice.predict("scene.tif")`.
"""
