-- The slow lane: what stock can't fill is bought from suppliers.

-- An owed result keeps the words of its revision, so that its message stays byte for byte what it was while the
-- order goes on (I9). Until now an order had one revision only, so its row still says what was owed.
alter table fulfil.announcement
    add column merchant_id text collate "C",
    add column body_hash   bytea,
    add column status      smallint,
    add column decided_at  timestamptz,
    add column lines       text,
    add column reason      text;
update fulfil.announcement a
set merchant_id = o.merchant_id, body_hash = o.body_hash, status = o.status, decided_at = o.decided_at, lines = o.lines,
    reason = o.reason
from fulfil.orders o where o.order_id = a.order_id and o.revision = a.revision;
-- Owed for a result that there is not: nobody was ever told of these.
delete from fulfil.announcement where lines is null;
alter table fulfil.announcement
    alter column body_hash set not null,
    alter column status set not null,
    alter column decided_at set not null,
    alter column lines set not null;

-- The need to buy for one line. state: 0 open, 1 delivered, 2 rejected, 3 in review. outcome: what the line's row in
-- the order will say once no line of it is open, as JSON {"status",…}; of an ended one only.
-- While a worker has it, wake_at is the end of its lease; given back, worker is null. The fence rises with each lease.
create table fulfil.procurement (
    procurement_id   bigint generated always as identity primary key,
    order_id         text collate "C" not null,
    line_no          integer not null,
    sku              text collate "C" not null,
    quantity         integer not null check (quantity > 0),
    unit_price       bigint not null check (unit_price >= 0),
    currency         text not null,
    recharge_account text,
    expires_at       timestamptz,
    made_at          timestamptz not null default now(),
    state            smallint not null default 0 check (state between 0 and 3),
    outcome          text,
    wake_at          timestamptz not null default now(),
    waits_for        text not null,
    -- Something happened while a worker had it: it is due at once when it is given back.
    woken            boolean not null default false,
    worker           text collate "C",
    fence            bigint not null default 0,
    unique (order_id, line_no),
    constraint ended_with_an_outcome check ((state in (1, 2)) = (outcome is not null)),
    constraint leased_while_open check (state = 0 or worker is null)
);
create index procurement_due on fulfil.procurement (wake_at, procurement_id) where state = 0;
create index procurement_that_waits_for_stock on fulfil.procurement (sku, procurement_id)
    where state = 0 and recharge_account is null;
create index procurement_in_review on fulfil.procurement (procurement_id) where state = 3;

-- One purchase at one supplier. state and refusal: as the contract's AttemptState and RefusalMeans number them.
create table fulfil.attempt (
    attempt_id     bigint generated always as identity primary key,
    procurement_id bigint not null,
    supplier       text collate "C" not null,
    product        text not null,
    reference      text collate "C" not null unique,
    quantity       integer not null check (quantity > 0),
    unit_price     bigint not null check (unit_price >= 0),
    currency       text not null,
    state          smallint not null default 0 check (state between 0 and 7),
    version        integer not null default 0,
    their_id       text collate "C",
    sends          integer not null default 0,
    queries        integer not null default 0,
    not_founds     integer not null default 0,
    countable_from timestamptz,
    intended_at    timestamptz not null default clock_timestamp(),
    sent_at        timestamptz,
    said           text,
    refusal        smallint check (refusal between 0 and 2),
    -- Of a delivered one: what became of its goods.
    whole          boolean,
    known          integer,
    surplus        integer,
    missing        integer,
    constraint placed_when_delivered check ((state = 4) = (whole is not null))
);
create index attempt_of_procurement on fulfil.attempt (procurement_id, attempt_id);
create index attempt_by_their_id on fulfil.attempt (supplier, their_id) where their_id is not null;
-- Nothing else is bought for a line while an attempt may still bring goods (I6).
create unique index attempt_open on fulfil.attempt (procurement_id) where state not in (4, 5, 6);

-- Keys of partial deliveries until their line is whole: no keys of stock yet, so outside I5.
create table fulfil.held_key (
    fingerprint    bytea primary key,
    procurement_id bigint not null,
    attempt_id     bigint not null,
    place          integer not null,
    sealed         bytea not null
);
create index held_key_of_procurement on fulfil.held_key (procurement_id, attempt_id, place);

-- What an attempt brought, in the supplier's order, to compare a later answer with.
create table fulfil.told_key (
    attempt_id  bigint not null,
    place       integer not null,
    fingerprint bytea not null,
    primary key (attempt_id, place)
);

-- Keys that were in the ledger already when a supplier delivered them: kept apart, outside I5.
create table fulfil.refused_key (
    attempt_id  bigint not null,
    place       integer not null,
    fingerprint bytea not null,
    sealed      bytea not null,
    refused_at  timestamptz not null default clock_timestamp(),
    primary key (attempt_id, place)
);

-- What a person is asked. kind, how: as the contract's ReviewKind and Resolution name them.
create table fulfil.review (
    review_id      bigint generated always as identity primary key,
    procurement_id bigint not null,
    attempt_id     bigint,
    kind           text not null,
    evidence       text not null,
    opened_at      timestamptz not null default clock_timestamp(),
    resolved_at    timestamptz,
    how            text,
    reason         text,
    constraint resolved_with_a_reason
        check ((resolved_at is null) = (how is null) and (resolved_at is null) = (reason is null))
);
create index review_open on fulfil.review (review_id) where resolved_at is null;
create index review_of_attempt on fulfil.review (attempt_id, kind);
