-- One file holds all of embedded mode. Times are microseconds since 1970, UTC; a key's state is
-- 0 available, 1 sold, 2 quarantined; an order's status is a code of the contract's OrderStatus.

-- The ledger.

create table sku (
    sku_no      integer primary key,
    sku         text    not null unique,
    epoch       integer not null,
    epoch_began integer not null,
    buckets     integer not null check (buckets > 0),
    imported    integer not null,
    last_id     integer not null
) strict;

create table orders (
    order_no    integer primary key,
    order_id    text    not null unique,
    merchant_id text,
    body_hash   blob    not null,
    revision    integer not null,
    status      integer not null,
    decided_at  integer not null,
    lines       text    not null,
    reason      text
) strict;

create table card_key (
    id          integer primary key,
    sku_no      integer not null references sku,
    state       integer not null check (state in (0, 1, 2)),
    -- No foreign key: it would give every sale a journal of its own; the audit holds lines against keys.
    order_no    integer,
    fingerprint blob    not null,
    sealed      blob    not null,
    check ((state = 1) = (order_no is not null))
) strict;

create unique index card_key_fingerprint on card_key (fingerprint);
-- Holds available keys alone: whoever looks for some never meets a sold one.
create index card_key_available on card_key (sku_no, id) where state = 0;

create table conflict (
    conflict_no integer primary key,
    order_id    text    not null references orders (order_id),
    body_hash   blob    not null,
    merchant_id text,
    decided_at  integer not null,
    unique (order_id, body_hash)
) strict;

create table unreadable (
    body_hash   blob    not null primary key,
    merchant_id text,
    reason      text    not null,
    decided_at  integer not null
) strict, without rowid;

create table try (
    body_hash   blob    not null primary key,
    tries       integer not null
) strict, without rowid;

-- Results that are owed, oldest first.
create table announcement (
    announcement_no integer primary key,
    order_id        text    not null references orders (order_id),
    revision        integer not null,
    unique (order_id, revision)
) strict;

-- The identity of the stock that the epochs are of.
create table stock_server (
    one         integer not null primary key check (one = 1),
    identity    text    not null
) strict, without rowid;

-- Stock: hints.

create table stock_identity (
    one         integer not null primary key check (one = 1),
    identity    text    not null
) strict, without rowid;
insert into stock_identity (one, identity) values (1, lower(hex(randomblob(16))));

create table bucket (
    bucket_no   integer primary key,
    sku         text    not null,
    idx         integer not null,
    epoch       integer not null,
    loaded_to   integer not null,
    complete    integer not null,
    unique (sku, idx)
) strict;

create table offer (
    bucket_no   integer not null references bucket,
    id          integer not null,
    primary key (bucket_no, id)
) strict, without rowid;

-- `ids` is a JSON array of numbers.
create table claim (
    bucket_no   integer not null references bucket,
    claim       text    not null,
    ids         text    not null,
    primary key (bucket_no, claim)
) strict, without rowid;

-- The inbox.

create table source (
    source_no   integer primary key,
    source      text    not null unique
) strict;

-- A row is a message until it is acknowledged. `autoincrement`: a number is never given twice.
create table inbox (
    seq         integer primary key autoincrement,
    source_no   integer not null references source,
    line_no     integer not null,
    body_hash   blob    not null,
    body        blob    not null,
    unique (source_no, line_no, body_hash)
) strict;

-- How often a message was given to somebody. Apart from its body, which then is written once.
create table delivery (
    seq         integer primary key,
    times       integer not null
) strict;

-- What was announced. A message without an id is kept as often as it comes, as a broker would.

create table result (
    result_no    integer primary key,
    message_id   text    unique,
    routing_key  text    not null,
    kind         text    not null,
    body         blob    not null,
    announced_at integer not null
) strict;

create table dead_letter (
    dead_letter_no integer primary key,
    message_id     text    not null,
    body_hash      blob    not null,
    routing_key    text    not null,
    kind           text    not null,
    body           blob    not null,
    code           text,
    detail         text,
    announced_at   integer not null,
    unique (message_id, body_hash)
) strict;
