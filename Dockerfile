# tadmc for CPUs: encode, decode, batch runs. Models are inside; nothing is fetched when it runs.
#
#     docker build -t tadmc .
#     docker run --rm -v "$PWD:/work" -u "$(id -u):$(id -g)" tadmc encode photo.jpg photo.tadm
#
# On CPUs no PyTorch is needed. With the extra `torch`, the address of its builds for your CUDA version, and `docker run
# --gpus all`, the same file makes a CUDA image: that variant is untested.
#
#     docker build -t tadmc:cuda --build-arg EXTRAS=batch,large,torch --build-arg PIP_ARGS="--extra-index-url ADDRESS" .
FROM python:3.12-slim AS build
ARG PIP_ARGS=""
ARG EXTRAS="batch,large"
WORKDIR /source
RUN python -m venv /opt/tadmc
COPY pyproject.toml README.md LICENSE ./
COPY codec codec
RUN /opt/tadmc/bin/pip install --no-cache-dir $PIP_ARGS ".[$EXTRAS]"

FROM python:3.12-slim
COPY --from=build /opt/tadmc /opt/tadmc
# workers beside one another must not wait by spinning
ENV PATH=/opt/tadmc/bin:$PATH OMP_WAIT_POLICY=passive HOME=/tmp
RUN useradd --create-home user
USER user
WORKDIR /work
ENTRYPOINT ["tadmc"]
CMD ["--help"]
