/**
 * The schema of a store, as a list of migrations. The version of a store is the number of migrations applied to it. A
 * migration is never changed after a release; each change of the schema is a new one.
 *
 * Types are SQLite's. `Postgres.ts` translates them.
 */
export const migrations: ReadonlyArray<ReadonlyArray<string>> = [
  [
    `create table meta (
       id integer primary key, log text not null, commits integer not null, clean integer not null,
       running integer not null, stored integer not null, given integer not null, expired integer not null,
       lines integer not null, bytes integer not null
     )`,
    // state: 0 active, 1 removed, 2 freed
    `create table account (
       id integer primary key, name text not null, likeness text not null, credential text, created integer not null,
       state integer not null
     )`,
    "create unique index account_likeness on account (likeness) where state < 2",
    `create table device (
       account integer not null, name text not null, token blob, seen integer not null, ran integer not null,
       primary key (account, name)
     ) without rowid`,
    // kind: 1 between two accounts (one <= other), 2 of an account with a guest (other is 0)
    `create table conversation (
       id integer primary key, kind integer not null, one integer not null, other integer not null,
       likeness text not null, first integer not null, at integer not null
     )`,
    "create unique index conversation_key on conversation (kind, one, other, likeness)",
    `create table member (
       conversation integer not null, account integer not null, since integer not null, read integer not null,
       given integer not null, primary key (conversation, account)
     ) without rowid`,
    "create index member_account on member (account, conversation)",
    // Rows are only appended, and their one scattered index is small. A table ordered by (conversation, seq) is 1.7
    // times slower with 100 conversations and 4 times with 1000.
    `create table line (
       id integer primary key, conversation integer not null, seq integer not null, at integer not null,
       ran integer not null, account integer not null, author text not null, flags integer not null,
       recipients text not null, body blob not null, size integer not null, crc integer not null,
        device text, label text
     )`,
    // With the columns that are counted when a cursor moves, so that the texts are not read.
    "create unique index line_seq on line (conversation, seq, account, size)",
    "create unique index line_label on line (account, device, label, conversation) where label is not null",
    `create table cursor (
       account integer not null, device text not null, conversation integer not null, seq integer not null,
       primary key (account, device, conversation)
     ) without rowid`,
    // reason: 0 expired, 1 removed
    `create table undelivered (
       id integer primary key, account integer not null, conversation integer not null, reason integer not null,
       recipient text not null, first integer not null, last integer not null, count integer not null,
       ran integer not null
     )`,
    "create unique index undelivered_sender on undelivered (account, conversation, reason)"
  ],
  [
    // The highest id and the highest line number of ended conversations. Neither is reused.
    "alter table meta add column ended_id integer not null default 0",
    "alter table meta add column ended_seq integer not null default 0",
    // Expired lines whose senders were not notified.
    "alter table meta add column dead integer not null default 0"
  ],
  [
    // A room is a conversation of kind 3, with its likeness, so that no two rooms look the same; one and other are 0. A
    // room that has ended but still has lines is of kind 4; one is its id. An account of 0 means none.
    `create table room (
       conversation integer primary key, name text not null, topic text not null, topic_by text not null,
       owner integer not null, locked integer not null, slow integer not null
     )`,
    `create table invitation (
       conversation integer not null, account integer not null, primary key (conversation, account)
     ) without rowid`,
    "create index invitation_account on invitation (account)",
    // The order of joining, from 1; 0 in direct conversations.
    "alter table member add column joined integer not null default 0",
    "create index member_joined on member (conversation, joined) where joined > 0"
  ],
  [
    // Texts of lines to several recipients; uses is the number of lines that refer to it. Their own body is empty.
    "create table shared_text (id integer primary key, body blob not null, uses integer not null)",
    "alter table line add column shared integer"
  ],
  [
    // The highest id of a line, which is not reused either, and how many lines had been removed when the index was
    // cleaned.
    "alter table meta add column last_line integer not null default 0",
    "alter table meta add column cleaned integer not null default 0",
    "update meta set last_line = (select coalesce(max(id), 0) from line)",
    // See `WordBlock`.
    "create table word (id integer primary key, postings blob not null)"
  ],
  [
    // The name of the guest, once none of its lines is kept; empty before that, and in other conversations.
    "alter table conversation add column guest text not null default ''"
  ],
  [
    // Numbers that are missing in a conversation, because an export has omitted damaged lines.
    `create table gap (
       conversation integer not null, first integer not null, last integer not null, primary key (conversation, first)
     ) without rowid`
  ],
  [
    // For stores that several servers use: the log of changes, the server that each device belongs to, and `Touched`.
    "create table change (id integer primary key, server text not null, what text not null)",
    "alter table device add column owner text",
    "alter table meta add column touched text not null default ''"
  ]
]
