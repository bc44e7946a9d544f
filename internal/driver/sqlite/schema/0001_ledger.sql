-- Times are microseconds since 1970 UTC. Text compares bytewise (BINARY), so ids sort as the contract says.

-- One scope and kind is one contiguous range of the tree.
create table rows (
	partition text    not null,
	account   text    not null,
	region    text    not null,
	kind      text    not null,
	id        text    not null,
	version   integer not null,
	updated   integer not null,
	value     blob    not null,
	primary key (partition, account, region, kind, id)
) strict, without rowid;

-- Engines list a kind over all scopes.
create index rows_by_kind on rows (kind, id);

create table terms (
	partition text    not null,
	account   text    not null,
	region    text    not null,
	kind      text    not null,
	id        text    not null,
	name      text    not null,
	value     text    not null,
	uniq      integer not null,
	primary key (partition, account, region, kind, id, name, value),
	foreign key (partition, account, region, kind, id) references rows on delete cascade
) strict, without rowid;

create index terms_by_value on terms (kind, name, value, partition, account, region, id);
create unique index terms_unique on terms (partition, account, region, kind, name, value) where uniq = 1;

create table tags (
	arn       text not null,
	key       text not null,
	partition text not null,
	account   text not null,
	region    text not null,
	value     text not null,
	primary key (arn, key)
) strict, without rowid;

create index tags_by_scope on tags (partition, account, region, arn);
create index tags_by_key on tags (partition, account, region, key, value, arn);

-- autoincrement: a sequence number is never given twice, not even after a reset.
create table trail (
	seq        integer primary key autoincrement,
	time       integer not null,
	recipient  text    not null,
	request_id text    not null,
	name       text    not null,
	event      blob    not null
) strict;

-- The time stands behind the sequence, so that a search for a span of time passes over the rest without reading events.
create index trail_by_recipient on trail (recipient, seq, time);
create index trail_by_name on trail (recipient, name, seq, time);
create index trail_by_request on trail (request_id);

-- No foreign key: without an index on seq alone each deletion would scan, with one each append would pay for it.
create table trail_resources (
	arn text    not null,
	seq integer not null,
	primary key (arn, seq)
) strict, without rowid;

create table leases (
	name   text    not null primary key,
	holder text    not null,
	epoch  integer not null,
	until  integer not null
) strict, without rowid;
