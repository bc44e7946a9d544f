-- Writing an event is one insertion at the trail's end. By what it is found stands in terms, a JSON list, and comes into the index later,
-- many events at a time; what is not there yet is the end of the trail, and is read there.
alter table trail add column terms text not null default '[]';
-- SHA-256 of the hash of the event before and of this event; null in events that are older than the chain.
alter table trail add column hash  blob;

drop index trail_by_recipient;
drop index trail_by_name;
drop index trail_by_request;
drop table trail_resources;

-- Of equal names the entries follow the time of the calls, and the sequence parts equal times.
create table trail_terms (
	name      text    not null,
	recipient text    not null,
	time      integer not null,
	seq       integer not null,
	primary key (name, recipient, time, seq)
) strict, without rowid;

-- One row: up to which event the index goes, and the last event that retention took away, on whose hash the chain hangs.
create table trail_state (
	id      integer primary key check (id = 1),
	indexed integer not null,
	pruned  integer not null,
	hash    blob    not null
) strict;

update trail set terms = (select json_group_array(value) from (
	select 'request/' || request_id as value
	union all select 'class/' || case when j ->> '$.service' = 's3' and name like '%Object%' then '2' when j ->> '$.readOnly' then '1' else '0' end || ' ' || (j ->> '$.awsRegion')
		from (select cast(event as text) as j)
	union all select 'name/' || name || ' ' || (j ->> '$.awsRegion') from (select cast(event as text) as j)
	union all select 'service/' || (j ->> '$.service') || ' ' || (j ->> '$.awsRegion') from (select cast(event as text) as j)
	union all select 'user/' || (j ->> '$.userIdentity.userName') || ' ' || (j ->> '$.awsRegion') from (select cast(event as text) as j)
	union all select 'key/' || (j ->> '$.userIdentity.accessKeyId') || ' ' || (j ->> '$.awsRegion') from (select cast(event as text) as j)
	union all select 'arn/' || r.value from json_each(cast(event as text), '$.resources') r
) where value is not null);
