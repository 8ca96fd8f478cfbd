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
# /run: runc 1.1.5, which is Debian 12's, gives a tmpfs the mode of the folder below it, whatever it is asked for.
RUN /usr/share/vendorfetch/scripts/packages run libraries \
 && rm -rf /var/lib/apt/lists/* \
 && adduser --system --group --no-create-home --home /nonexistent vendorfetch \
 && install -d -o vendorfetch -g vendorfetch -m 0750 /run/vendorfetch /var/lib/vendorfetch \
 && chmod 1777 /run
COPY --from=build /out /
COPY etc/container/entrypoint /usr/bin/entrypoint
# Nothing runs as root. What it writes: /run, /var/tmp, /var/lib/vendorfetch (docker-compose.yml makes all else read-only).
RUN rm -f /etc/cron.d/vendorfetch
USER vendorfetch
EXPOSE 3000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/entrypoint"]
CMD ["api"]
