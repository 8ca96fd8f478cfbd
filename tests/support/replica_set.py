"""The replica set of a stack (mongod_nodes=3): who is primary, and making it another one."""

import pymongo
import pymongo.errors

from waiting import wait_for

PRIMARY_SECONDS = 30
STEP_DOWN_SECONDS = 20


def nodes(stack):
    """{service: port}, in the order of the URI."""
    hosts = pymongo.uri_parser.parse_uri(stack.env["STORE_URI"])["nodelist"]
    return {f"mongod-{number}": port for number, (_, port) in enumerate(hosts, 1)}


def connect(port):
    """To this server, whatever it is at the moment."""
    return pymongo.MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500)


def is_primary(port):
    try:
        return connect(port).admin.command("hello")["isWritablePrimary"]
    except pymongo.errors.PyMongoError:
        return False


def find_primary(stack, but_not=None):
    """The service that is primary, waiting for one if need be."""
    found = []

    def look():
        found[:] = [name for name, port in nodes(stack).items() if name != but_not and is_primary(port)]
        return found

    wait_for(look, PRIMARY_SECONDS, "the replica set has a primary")
    return found[0]


def step_down(stack, primary):
    connect(nodes(stack)[primary]).admin.command("replSetStepDown", STEP_DOWN_SECONDS, secondaryCatchUpPeriodSecs=5,
                                                 force=True)


def wait_secondary(stack, service):
    """Waits until a server that was started again is part of the set."""
    def is_secondary():
        try:
            return connect(nodes(stack)[service]).admin.command("hello")["secondary"]
        except pymongo.errors.PyMongoError:
            return False

    wait_for(is_secondary, PRIMARY_SECONDS, f"{service} is a secondary")
