# syntax=docker/dockerfile:1
#
# Sea-ice masks in a container, on a CPU or an NVIDIA GPU:
#
#   docker build -t seaice .                              # CPU (the default): masks, polygons, scores
#   docker build -t seaice:cuda --build-arg VARIANT=cuda .   # also a GPU, training and notebooks
#
# A folder of scenes in, a folder of plain 0/255 PNG masks out, without a network:
#
#   docker run --rm --network none -v "$PWD/in:/input_path:ro" -v "$PWD/out:/output_path" \
#       seaice predict /input_path -o /output_path --format png
#
# On a GPU: add `--gpus all`. Add `--user "$(id -u):$(id -g)"` to own the results: the image runs as any user. By
# default it runs as root, because Docker creates a missing /output_path on the host as root.

ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ARG VARIANT=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/seaice
ENV PATH=/opt/seaice/bin:$PATH
WORKDIR /src
COPY constraints.txt ./
COPY pyproject.toml README.md LICENSE ./
COPY seaice_cli seaice_cli
COPY models models
RUN case "$VARIANT" in \
        cpu) EXTRAS= ;; \
        cuda) EXTRAS='[all]' ;; \
        cluster) EXTRAS='[cluster]' ;; \
        *) echo "VARIANT is cpu, cuda or cluster, not $VARIANT" >&2; exit 1 ;; \
    esac \
    && pip wheel --no-deps --wheel-dir dist . \
    && pip install --constraint constraints.txt "$(echo dist/*.whl)$EXTRAS"

FROM python:${PYTHON}-slim-bookworm
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="seaice" \
      org.opencontainers.image.description="Sea-ice maps from satellite scenes of any size" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The GDAL in the wheels of rasterio and fiona links the system's libexpat, which the slim image lacks.
RUN apt-get update && apt-get install --yes --no-install-recommends libexpat1 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/seaice /opt/seaice
# Nothing is fetched, and whatever is cached goes where every user may write.
ENV PATH=/opt/seaice/bin:$PATH \
    HF_HUB_OFFLINE=1 \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /work
RUN seaice --version
ENTRYPOINT ["seaice"]
CMD ["--help"]
