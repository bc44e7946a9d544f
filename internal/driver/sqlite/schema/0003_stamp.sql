-- A number that rises with every change of a tag or of a row, but for the kinds that change with the work that is done (store.Busy has
-- the same list). Triggers count, so that no way to write passes it by.
create table stamp (
	id integer primary key check (id = 1),
	n  integer not null
) strict;

insert into stamp (id, n) values (1, 1);

create table busy (kind text not null primary key) strict, without rowid;

insert into busy (kind) values ('s3-object'), ('s3-version'), ('s3-upload'), ('s3-part'), ('s3-manifest'),
	('job'), ('counter'), ('trail-state'), ('flow-log-state'), ('flow-log-file'),
	('log-block'), ('log-stream'), ('log-usage'), ('log-seal');

create trigger stamp_row_new after insert on rows when new.kind not in (select kind from busy)
begin update stamp set n = n + 1; end;

create trigger stamp_row_changed after update on rows when new.kind not in (select kind from busy) or old.kind not in (select kind from busy)
begin update stamp set n = n + 1; end;

create trigger stamp_row_gone after delete on rows when old.kind not in (select kind from busy)
begin update stamp set n = n + 1; end;

create trigger stamp_tag_new after insert on tags
begin update stamp set n = n + 1; end;

create trigger stamp_tag_changed after update on tags
begin update stamp set n = n + 1; end;

create trigger stamp_tag_gone after delete on tags
begin update stamp set n = n + 1; end;
