# tadmc for CPUs: encode, decode, batch runs. Models are inside; nothing is fetched when it runs.
#
#     docker build -t tadmc .
#     docker run --rm -v "$PWD:/work" -u "$(id -u):$(id -g)" tadmc encode photo.jpg photo.tadm
#
# With PyTorch for a CUDA GPU, untested:
#
#     docker build -t tadmc:cuda --build-arg EXTRAS=batch,large,torch .
#     docker run --rm --gpus all ... tadmc:cuda decode --device cuda photo.tadm photo.png
FROM python:3.12-slim AS build
ARG EXTRAS=batch,large
WORKDIR /source
RUN python -m venv /opt/tadmc
COPY pyproject.toml README.md LICENSE ./
COPY codec codec
RUN /opt/tadmc/bin/pip install --no-cache-dir ".[$EXTRAS]"

FROM python:3.12-slim
COPY --from=build /opt/tadmc /opt/tadmc
# workers beside one another must not wait by spinning
ENV PATH=/opt/tadmc/bin:$PATH OMP_WAIT_POLICY=passive HOME=/tmp
RUN useradd --create-home user
USER user
WORKDIR /work
ENTRYPOINT ["tadmc"]
CMD ["--help"]
