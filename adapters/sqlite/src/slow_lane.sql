-- Version 2: the slow lane. What stock can't fill is bought from suppliers.

-- An owed result keeps the revision's own words, so that each message stays byte for byte as it was while the
-- order goes on (I9). Before, an order had one revision only, so its row holds what was owed.
alter table announcement rename to announcement_1;

create table announcement (
    announcement_no integer primary key,
    order_id        text    not null references orders (order_id),
    revision        integer not null,
    status          integer not null,
    decided_at      integer not null,
    lines           text    not null,
    reason          text,
    unique (order_id, revision)
) strict;

insert into announcement (order_id, revision, status, decided_at, lines, reason)
    select order_id, revision, status, decided_at, lines, reason
    from announcement_1 join orders using (order_id, revision) order by announcement_no;
drop table announcement_1;

-- The need to buy for one line. `state`: 0 open, 1 delivered, 2 rejected, 3 in review. `outcome` is the line's
-- while the order's own row says something older: as JSON, once the procurement is not open.
create table procurement (
    procurement_no   integer primary key,
    order_no         integer not null references orders,
    line_no          integer not null,
    sku              text    not null,
    quantity         integer not null,
    unit_price       integer not null,
    currency         text    not null,
    recharge_account text,
    expires_at       integer,
    made_at          integer not null,
    state            integer not null check (state in (0, 1, 2, 3)),
    outcome          text,
    wake_at          integer not null,
    waits_for        text,
    -- Woken since it was leased: then it is due at once when it is given back.
    woken            integer not null default 0,
    -- Who worked on it last. Whether they still do is known to their process alone.
    worker           text,
    fence            integer not null default 0,
    unique (order_no, line_no),
    check ((state = 0) = (outcome is null))
) strict;

create index procurement_due on procurement (wake_at) where state = 0;
create index procurement_of_sku on procurement (sku) where state = 0;
create index procurement_in_review on procurement (procurement_no) where state = 3;

-- One purchase at one supplier. `state` is a code of the contract's AttemptState.
create table attempt (
    attempt_no     integer primary key,
    procurement_no integer not null references procurement,
    supplier       text    not null,
    product        text    not null,
    reference      text    not null unique,
    quantity       integer not null,
    unit_price     integer not null,
    currency       text    not null,
    state          integer not null check (state between 0 and 7),
    version        integer not null,
    their_id       text,
    sends          integer not null default 0,
    queries        integer not null default 0,
    not_founds     integer not null default 0,
    countable_from integer,
    intended_at    integer not null,
    sent_at        integer,
    said           text,
    refusal        integer,
    -- Of a delivered one: what was wrong with its goods.
    known          integer,
    surplus        integer,
    missing        integer
) strict;

create index attempt_of_procurement on attempt (procurement_no);
-- Nothing else is bought for a line while an attempt may still bring goods (I6).
create unique index attempt_open on attempt (procurement_no) where state in (0, 1, 2, 3, 7);
create index attempt_by_their_id on attempt (supplier, their_id) where their_id is not null;

-- Keys of partial deliveries, until their line is whole: no keys of stock yet, so outside I5.
create table held_key (
    held_no        integer primary key,
    fingerprint    blob    not null unique,
    procurement_no integer not null references procurement,
    attempt_no     integer not null references attempt,
    sealed         blob    not null
) strict;

create index held_key_of_procurement on held_key (procurement_no);

-- The keys that an attempt brought, in the supplier's order, for comparing a later answer.
create table told_key (
    told_no        integer primary key,
    attempt_no     integer not null references attempt,
    fingerprint    blob    not null,
    unique (attempt_no, fingerprint)
) strict;

-- Keys that were in the ledger already when a supplier delivered them: kept apart, outside I5.
create table refused_key (
    refused_no     integer primary key,
    attempt_no     integer not null references attempt,
    fingerprint    blob    not null,
    sealed         blob    not null,
    refused_at     integer not null,
    unique (attempt_no, fingerprint)
) strict;

create table review (
    review_no      integer primary key,
    procurement_no integer not null references procurement,
    attempt_no     integer references attempt,
    kind           text    not null,
    evidence       text    not null,
    opened_at      integer not null,
    resolved_at    integer,
    how            text,
    reason         text,
    check ((resolved_at is null) = (how is null) and (how is null) = (reason is null))
) strict;

create index review_of_procurement on review (procurement_no);
create index review_of_attempt on review (attempt_no, kind);
create index review_open on review (review_no) where resolved_at is null;
