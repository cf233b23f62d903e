-- The ledger. It alone decides that a key is sold (I1); what it says to the platform is a pure function of these rows (I9).
-- Ids of orders, SKUs and merchants are ASCII, so collation "C": cheaper to compare, and the same on every machine.

-- What keys were imported for. Imports of one SKU lock its row, so that its ids are committed in their order.
create table fulfil.sku (
    sku_id       integer generated always as identity primary key,
    sku          text collate "C" not null unique,
    epoch        bigint not null default 1,
    epoch_began  timestamptz not null default clock_timestamp(),
    buckets      smallint not null check (buckets > 0),
    last_id      bigint not null default 0,
    loader       text,
    loader_until timestamptz
) with (fillfactor = 50);

create sequence fulfil.key_id as bigint;

-- The keys of one SKU within one block of 1,024 ids. A lot that is sold out is never scanned again, unless an
-- import adds to it. imported (I5) is the sum of `keys`.
create table fulfil.lot (
    sku_id   integer not null,
    block    bigint not null,
    first_id bigint not null,
    last_id  bigint not null,
    keys     integer not null check (keys > 0),
    sold_out boolean not null default false,
    primary key (sku_id, block),
    check (first_id >> 10 = block and last_id >> 10 = block and first_id <= last_id)
);
create index lot_open on fulfil.lot (sku_id, block) where not sold_out;

-- state: 0 available, 1 sold, 2 quarantined. Neither state nor order_id is in an index, and half of each page is
-- left free, so that the update which sells a key is HOT: it touches no index, and its cost does not grow.
create table fulfil.card_key (
    id          bigint primary key,
    sku_id      integer not null,
    state       smallint not null default 0,
    order_id    text collate "C",
    fingerprint bytea not null unique,
    sealed      bytea not null,
    constraint sold_to_an_order check (state = 0 and order_id is null or state = 1 and order_id is not null or state = 2 and order_id is null)
) with (fillfactor = 45);
create index card_key_of_sku on fulfil.card_key (sku_id, id);

-- One row per order id, ever (I2). status: 0 processing, 1 fulfilled, 2 partly fulfilled, 3 rejected, 5 review.
-- lines: JSON array of {"line_no","sku","quantity","status","keys"|"reason"}; reason: JSON, of an order without a delivered line.
create table fulfil.orders (
    order_id    text collate "C" primary key,
    merchant_id text collate "C",
    body_hash   bytea not null,
    status      smallint not null,
    revision    integer not null default 1,
    decided_at  timestamptz not null default now(),
    lines       text not null,
    reason      text
);

-- Another body came under a known order id: this row, and nothing else (I2).
create table fulfil.conflict (
    order_id    text collate "C" not null,
    body_hash   bytea not null check (octet_length(body_hash) = 32),
    merchant_id text collate "C",
    decided_at  timestamptz not null default clock_timestamp(),
    primary key (order_id, body_hash)
);

-- A delivery without a readable order id.
create table fulfil.unreadable (
    body_hash   bytea primary key check (octet_length(body_hash) = 32),
    merchant_id text collate "C",
    reason      text not null,
    decided_at  timestamptz not null default now()
);

-- Orders that ran alone and did not come back, by body.
create table fulfil.try (
    body_hash bytea primary key check (octet_length(body_hash) = 32),
    tries     integer not null check (tries > 0),
    last_at   timestamptz not null
);

-- Results that are owed to the platform although their deliveries were acknowledged (I4).
create table fulfil.announcement (
    order_id text collate "C" not null,
    revision integer not null,
    owed_at  timestamptz not null default clock_timestamp(),
    primary key (order_id, revision)
);
create index announcement_oldest on fulfil.announcement (owed_at);

-- Which life of the stock server the epochs were issued for: at most one row.
create table fulfil.stock_server (
    one_row  boolean primary key default true check (one_row),
    identity text not null
);
