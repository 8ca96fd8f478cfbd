# One image for all parts of vendorfetch; the command says which: api, worker, mock (etc/container/entrypoint).
FROM debian:12-slim AS build
WORKDIR /src
COPY scripts scripts
RUN scripts/packages build
COPY . .
RUN ./bootstrap \
 && ./configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var --runstatedir=/run \
 && make -j"$(nproc)" \
 && make install DESTDIR=/out

FROM debian:12-slim
COPY scripts /usr/share/vendorfetch/scripts
RUN /usr/share/vendorfetch/scripts/packages run libraries \
 && rm -rf /var/lib/apt/lists/* \
 && adduser --system --group --no-create-home --home /nonexistent vendorfetch
COPY --from=build /out /
COPY etc/container/entrypoint /usr/bin/entrypoint
# In a container of its own the worker is all that cron has to keep alive.
RUN sed -i '/vendorfetch-api/d' /etc/cron.d/vendorfetch
EXPOSE 3000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/entrypoint"]
CMD ["api"]
