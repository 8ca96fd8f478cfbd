#!/usr/bin/python3
"""Makes the mongods of a stack on these ports one replica set, and waits until it has a primary.

    replica-set.py PORT...

Also after an `up` on other ports in the same folder: then the set gets its new addresses. Needs Debian's python3-pymongo.
"""

import sys
import time

import pymongo
import pymongo.errors

NAME = "stack"
WAIT_SECONDS = 30
# An election after this long without a word from the primary: a stack is for trying things out (MongoDB's default: 10 s).
ELECTION_TIMEOUT_MS = 2000
ALREADY_INITIALIZED = 23


def connect(port):
    return pymongo.MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=WAIT_SECONDS * 1000)


def wanted_config(ports, version):
    members = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(ports)]
    return {"_id": NAME, "version": version, "members": members,
            "settings": {"electionTimeoutMillis": ELECTION_TIMEOUT_MS, "heartbeatIntervalMillis": 500}}


def configure(client, ports):
    try:
        client.admin.command("replSetInitiate", wanted_config(ports, 1))
    except pymongo.errors.OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise
        version = client.admin.command("replSetGetConfig")["config"]["version"]
        client.admin.command("replSetReconfig", wanted_config(ports, version + 1), force=True)


def has_primary(client):
    try:
        states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]
    except pymongo.errors.PyMongoError:
        return False
    return states.count("PRIMARY") == 1 and states.count("SECONDARY") == len(states) - 1


def main():
    ports = [int(port) for port in sys.argv[1:]]
    if not ports:
        sys.exit(__doc__)
    for port in ports:
        connect(port).admin.command("ping")
    client = connect(ports[0])
    configure(client, ports)
    deadline = time.monotonic() + WAIT_SECONDS
    while not has_primary(client):
        if time.monotonic() > deadline:
            sys.exit(f"the replica set has no primary after {WAIT_SECONDS} s")
        time.sleep(0.1)


main()
