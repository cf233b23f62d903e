#!/usr/bin/env python3
"""Reads the queue `results` as a platform would, with nothing of ours: pika for AMQP, pyhpke for the sealed keys.

    python3 -m venv venv && venv/bin/pip install -r load-tests/foreign/requirements.txt
    venv/bin/python load-tests/foreign/read_results.py --url amqp://guest:guest@127.0.0.1:5672/%2f \\
        --private-key fulfil-private.key --keys keys.csv

It empties the queue, counts the results by status, checks that a message id stands for the same bytes however often
it came and that no key stands in two orders, and opens some sealed keys. The last line printed is JSON. Ends with 1
where something is wrong.
"""
import argparse, base64, collections, csv, hashlib, json, pathlib, sys

import pika
from pyhpke import AEADId, CipherSuite, KDFId, KEMId

INFO = b"fulfil card key v1"
ENCAPSULATED = 32
PREFIX = "fulfil-private-key-v1:"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="RabbitMQ: amqp://user:password@host:port/vhost")
    parser.add_argument("--queue", default="results")
    parser.add_argument("--quiet", type=float, default=3.0, help="the queue is empty when nothing came for so many seconds")
    parser.add_argument("--private-key", type=pathlib.Path, help="the file that `fulfil keygen` wrote; opens keys")
    parser.add_argument("--keys", type=pathlib.Path, help="the key file that was imported: an opened key must stand in it")
    parser.add_argument("--open", type=int, default=1, help="how many sealed keys are opened, spread over all")
    parser.add_argument("--show", action="store_true", help="print the opened keys in clear, beside the expected ones")
    return parser.parse_args()


def elements(text):
    """The elements of a JSON array, each with its own text."""
    decoder, at = json.JSONDecoder(), 1
    while text[at] != "]":
        element, end = decoder.raw_decode(text, at)
        yield element, text[at:end]
        at = end + 1 if text[end] == "," else end


class Results:
    def __init__(self):
        self.messages = self.results = self.repeats = 0
        self.hashes = {}  # message id → SHA-256 of its first body
        self.differing = set()
        self.latest = {}  # order id → (revision, status)
        self.conflicts = self.without_order_id = 0
        self.sealed = {}  # key id → (order id, SKU, sealed key)
        self.sold_twice = set()

    def add(self, message_id, body):
        self.messages += 1
        text = body.decode()
        if text.startswith("["):
            for element, own_text in elements(text):
                self.add_one(element["message_id"], own_text.encode(), element)
        else:
            self.add_one(message_id, body, json.loads(text))

    def add_one(self, message_id, body, result):
        self.results += 1
        digest = hashlib.sha256(body).digest()
        first = self.hashes.setdefault(message_id, digest)
        if first != digest:
            self.differing.add(message_id)
        if first is not digest:
            self.repeats += 1
            return
        order_id = result["order_id"]
        if order_id is None:
            self.without_order_id += 1
        elif result["status"] == "conflict":
            self.conflicts += 1
        else:
            seen = (result["revision"], result["status"])
            self.latest[order_id] = max(self.latest.get(order_id, (0, "")), seen)
            for line in result["lines"]:
                for key in line.get("keys", ()):
                    entry = (order_id, line["sku"], key["sealed"])
                    if self.sealed.setdefault(key["key_id"], entry) is not entry:
                        self.sold_twice.add(key["key_id"])

    def statuses(self):
        return dict(sorted(collections.Counter(status for _, status in self.latest.values()).items()))


def read_queue(url, queue, quiet):
    results = Results()
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1000)
    for method, properties, body in channel.consume(queue, inactivity_timeout=quiet):
        if method is None:
            break
        results.add(properties.message_id, body)
        if results.messages % 500 == 0:
            channel.basic_ack(method.delivery_tag, multiple=True)
    channel.basic_ack(0, multiple=True)  # all that were delivered
    channel.cancel()
    connection.close()
    return results


def private_key(suite, path):
    lines = [line.strip() for line in path.read_text().splitlines()]
    text = next(line for line in lines if line.startswith(PREFIX)).removeprefix(PREFIX)
    return suite.kem.deserialize_private_key(base64.b64decode(text + "=="))


def open_key(suite, private, sku, sealed):
    sealed = base64.b64decode(sealed, validate=True)
    context = suite.create_recipient_context(sealed[:ENCAPSULATED], private, info=INFO)
    return context.open(sealed[ENCAPSULATED:], aad=sku.encode()).decode()


def imported_keys(path):
    """(SKU, key) → line of the file."""
    lines = {}
    with path.open(newline="") as file:
        reader = csv.reader(file)
        for row in reader:
            if len(row) == 2:
                lines.setdefault((row[0].strip(), row[1].strip()), reader.line_num)
    return lines


def open_some(args, results):
    """Opens keys spread over all of them; gives how many, and those that are not what was imported."""
    suite = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
    private, imported = private_key(suite, args.private_key), imported_keys(args.keys) if args.keys else None
    ids = sorted(results.sealed, key=int)
    chosen = ids[:: max(1, len(ids) // max(1, args.open))][: args.open]
    strange = []
    for key_id in chosen:
        order_id, sku, sealed = results.sealed[key_id]
        key = open_key(suite, private, sku, sealed)
        line = imported.get((sku, key)) if imported is not None else None
        if imported is not None and line is None:
            strange.append(key_id)
        shown = key if args.show else f"{len(key)} characters"
        expected = "not compared" if imported is None else f"line {line} of {args.keys}" if line else "NOT IMPORTED"
        print(f"key {key_id} of order {order_id}, SKU {sku}: opened, {shown}; expected: {expected}")
    return len(chosen), strange


def main():
    args = arguments()
    results = read_queue(args.url, args.queue, args.quiet)
    opened, strange = open_some(args, results) if args.private_key and results.sealed else (0, [])
    good = not (results.differing or results.sold_twice or strange)
    print(json.dumps({
        "ok": good, "messages": results.messages, "results": results.results, "message_ids": len(results.hashes),
        "repeats": results.repeats, "differing_repeats": len(results.differing), "orders": len(results.latest),
        "statuses": results.statuses(), "conflict": results.conflicts, "without_order_id": results.without_order_id,
        "keys_delivered": len(results.sealed), "keys_in_two_orders": len(results.sold_twice),
        "keys_opened": opened, "keys_strange": len(strange),
    }))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
