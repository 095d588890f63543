import * as Effect from "effect/Effect"
import { answerNow, refusing, unlessStoreFails, type Refuse } from "../accounts/CommandAnswers.js"
import { retryStoreMillis } from "../accounts/AccountsContext.js"
import type { Answer, Call, Command } from "../chat/Commands.js"
import { likenessOf } from "../chat/Names.js"
import type { Peer } from "../chat/Peer.js"
import type { StoreError } from "../ports/StoreError.js"
import * as Reply from "../protocol/Reply.js"
import * as RoomName from "../protocol/RoomName.js"
import * as RoomReply from "../protocol/RoomReply.js"
import * as Wire from "../protocol/Wire.js"
import { isVisible, memberOf, type Member, type Room } from "./Room.js"
import * as RoomActs from "./RoomActs.js"
import type { NotDone, RoomAct } from "./RoomActs.js"
import { afterChange, type RoomDecision } from "./RoomChanges.js"
import { factsOf, memberName, type RoomsContext } from "./RoomsContext.js"
import * as StoredChanges from "./StoredChanges.js"

type Lines = ReadonlyArray<string>

interface Row extends Omit<Command, "run" | "needsLogin"> {
  readonly run: (call: Call, rooms: RoomsContext) => Answer | Effect.Effect<Answer>
}

/** A call of a command about one room. */
interface RoomCall extends Call {
  readonly command: string
  /** The name of the room. */
  readonly name: string
  /** The rest of the argument, after the name. */
  readonly rest: string
  readonly refuse: Refuse
}

const join: Row = {
  name: "join",
  usage: "/join #ROOM",
  about: "enters a room, and creates it if it does not exist",
  run: (call, rooms) => aboutRoom(join, call, (about) => changing(about, rooms, () => decideJoin(about, rooms)))
}

/**
 * @param isLast whether to refuse if the room cannot be created, instead of retrying: another server may have just
 * created it
 */
const decideJoin = (call: RoomCall, rooms: RoomsContext, isLast = false): RoomDecision<Lines> => {
  const { label, name, peer, refuse } = call
  const { index, settings, store } = rooms
  const member = memberOf(peer)
  const { maxMembers, maxRoomsPerClient } = settings.current
  const room = index.named(name)
  if (room?.members.has(member) === true) return [RoomReply.room(factsOf(rooms, room), false, label)]
  if (room?.isEnding === true) return refuse("unavailable", stuck)
  if (room !== undefined && !index.isVisible(peer, room)) {
    return refuse("policy", { text: "the room is locked; its owner can invite you" })
  }
  if (index.of(member).size >= maxRoomsPerClient) return refuse("limit", { text: "you are in too many rooms" })
  if (room === undefined) return decideCreate(call, rooms, isLast)
  if (room.members.size >= maxMembers) return refuse("limit", { text: "too many are in this room" })
  if (typeof member !== "number") return entered(call, rooms, room, room.last)
  return afterChange(store.rooms.join(room.id, member), (last) =>
    last === undefined ? refuse("no-room") : entered(call, rooms, room, last)
  )
}

/** The store could not end the previous room of this name. */
const stuck = { retryMillis: retryStoreMillis }

const decideCreate = (call: RoomCall, rooms: RoomsContext, isLast: boolean): RoomDecision<Lines> => {
  const { name, peer, refuse } = call
  const { host, index, settings, store } = rooms
  const { maxRooms, mode } = settings.current
  if (mode === "operator") return refuse("policy", { text: "only the server's operator creates rooms" })
  if (mode === "accounts" && peer.device === undefined) return refuse("guest")
  const likeness = likenessOf(name.slice(1))
  const like = index.alike(likeness)
  if (like?.isEnding === true) return refuse("unavailable", stuck)
  if (like !== undefined)
    return refuse("looks-like", { like: like.name, text: "a room has a name that looks the same" })
  if (index.size >= maxRooms) return refuse("limit", { text: "there are too many rooms" })
  const owner = peer.device?.account.id
  const joinNow = Effect.flatMap(
    Effect.zipRight(
      host.catchUp,
      host.broker.inTurn(() => decideJoin(call, rooms, true))
    ),
    (decision): Effect.Effect<() => Lines, StoreError> =>
      Effect.isEffect(decision)
        ? (decision as Effect.Effect<() => Lines, StoreError>)
        : Effect.succeed(() => decision as Lines)
  )
  return Effect.flatMap(store.rooms.create({ name, likeness, owner }), (stored) => {
    if (stored === undefined) return isLast ? Effect.succeed(() => refuse("no-room")) : joinNow
    return Effect.succeed(() => entered(call, rooms, StoredChanges.created(rooms, stored), stored.last))
  })
}

/** In the broker's turn: the client enters a room, unless it has left the server. */
const entered = ({ label, peer }: RoomCall, rooms: RoomsContext, room: Room, last: number): Lines => {
  const { changes, membership } = rooms
  if (isStill(rooms, peer)) {
    membership.enter(room, memberOf(peer), last, peer)
    changes.keep(room)
  } else if (room.members.size === 0) changes.end(room)
  return [RoomReply.room({ ...factsOf(rooms, room), last }, false, label)]
}

/** Whether a client can still become a member. An existing account can, even if its connection has ended. */
const isStill = ({ accounts }: RoomsContext, { device, phase }: Peer): boolean =>
  device === undefined ? phase._tag === "Present" : accounts.withId(device.account.id)?.isRemoved === false

const leave: Row = {
  name: "leave",
  usage: "/leave #ROOM",
  about: "leaves a room",
  run: (call, rooms) =>
    aboutRoom(leave, call, (about) =>
      // The lines that the client wrote before are stored first.
      Effect.zipRight(
        rooms.flushed(about.name),
        changing(about, rooms, () => decideLeave(about, rooms))
      )
    )
}

const decideLeave = ({ label, name, peer, refuse }: RoomCall, rooms: RoomsContext): RoomDecision<Lines> => {
  const { index, membership, store } = rooms
  const room = index.find(peer, name)
  if (typeof room === "string") return refuse(room)
  const member = memberOf(peer)
  const left = (): Lines => {
    membership.exit(room, member, peer)
    return [RoomReply.left(room.name, peer.name, undefined, label)]
  }
  return typeof member === "number" ? afterChange(store.rooms.leave(room.id, member), left) : left()
}

const list: Row = {
  name: "rooms",
  usage: "/rooms",
  about: "lists the rooms that you are in or may enter",
  run: ({ label, peer }, rooms) => {
    const member = memberOf(peer)
    const visible = [...rooms.index.all].filter((room) => !room.isEnding && rooms.index.isVisible(peer, room))
    return RoomReply.rooms(
      visible.map((room) => ({ facts: factsOf(rooms, room), isIn: room.members.has(member) })),
      label
    )
  }
}

const members: Row = {
  name: "members",
  usage: "/members #ROOM",
  about: "lists who is in a room, those first that are present",
  run: (call, rooms) =>
    aboutRoom(members, call, ({ label, name, peer, refuse }) => {
      const room = rooms.index.find(peer, name)
      if (typeof room === "string") return refuse(room)
      const visible = [...room.members].filter(isVisible)
      const here = visible.filter((member) => isPresent(rooms, member))
      const away = visible.filter((member) => !isPresent(rooms, member))
      const names = [...here, ...away].map((member) => memberName(rooms, member))
      return RoomReply.members(room.name, names, here.length, label)
    })
}

const isPresent = ({ accounts, host }: RoomsContext, member: Member): boolean => {
  if (typeof member !== "number" || host.devicesElsewhere.has(member)) return true
  const account = accounts.withId(member)
  return account !== undefined && host.broker.devicesOf(account).length > 0
}

const topic: Row = {
  name: "topic",
  usage: "/topic #ROOM [TEXT]",
  about: "shows what a room is about, or sets it",
  run: (call, rooms) =>
    aboutRoom(topic, call, (about) => {
      if (about.rest !== "") return acting(about, rooms, { _tag: "Topic", text: about.rest })
      const room = rooms.index.find(about.peer, about.name)
      return typeof room === "string"
        ? about.refuse(room)
        : [RoomReply.topic(room.name, room.topicBy, room.topic, about.label)]
    })
}

/** A command of owners. */
const owners = (verb: RoomActs.Verb, row: Omit<Row, "name" | "run">): Row => {
  const command: Row = {
    ...row,
    name: verb,
    run: (call, rooms) =>
      aboutRoom(command, call, (about) => {
        const act = RoomActs.parse(verb, about.rest)
        return act === undefined ? badForm(command, call) : acting(about, rooms, act)
      })
  }
  return command
}

export const rows: ReadonlyArray<Row> = [
  join,
  leave,
  list,
  members,
  topic,
  owners("invite", { usage: "/invite #ROOM NAME", about: "lets an account enter your room while it is locked" }),
  owners("remove", { usage: "/remove #ROOM NAME", about: "removes a user from your room" }),
  owners("owner", { usage: "/owner #ROOM NAME", about: "gives your room to another member" }),
  owners("lock", { usage: "/lock #ROOM", about: "keeps your room for invited accounts" }),
  owners("unlock", { usage: "/unlock #ROOM", about: "opens your room to everybody" }),
  owners("silence", {
    usage: "/silence #ROOM NAME TIME",
    about: "lets a member of your room not write for a time: 10m"
  }),
  owners("unsilence", { usage: "/unsilence #ROOM NAME", about: "lets a member of your room write again" }),
  owners("slow", {
    usage: "/slow #ROOM TIME",
    about: "sets the shortest time between two lines of a member: 5s",
    forms: [{ usage: "/slow #ROOM off", about: "lets everybody write as often as they like" }]
  })
]

export const make = (rooms: RoomsContext): ReadonlyArray<Command> =>
  rows.map(({ run, ...row }) => ({ ...row, needsLogin: true, run: (call) => run(call, rooms) }))

/** Runs a command about the room named by the first word of its argument. */
const aboutRoom = (
  { name: command, usage }: Row,
  call: Call,
  run: (call: RoomCall) => Answer | Effect.Effect<Answer>
): Answer | Effect.Effect<Answer> => {
  const { argument, label } = call
  const end = argument.search(/[ \t]/)
  const name = RoomName.parse(end < 0 ? argument : argument.slice(0, end))
  if (name === undefined) return badForm({ usage }, call)
  const rest = end < 0 ? "" : Wire.trim(argument, end)
  return run({ ...call, command, name: Wire.copy(name), rest, refuse: refusing(command, label) })
}

/**
 * Makes a change. The client gets its reply in the turn in which the change takes effect, so the reply comes before all
 * consequences of the change.
 */
const changing = (
  { command, label, peer }: RoomCall,
  { changes, host }: RoomsContext,
  decide: () => RoomDecision<Lines>
): Effect.Effect<Answer> => {
  const answer = (lines: Lines) => answerNow(host.broker, peer, lines)
  return changes
    .make((): RoomDecision<Lines> => {
      const decision = decide()
      return Effect.isEffect(decision)
        ? Effect.map(decision as Effect.Effect<() => Lines, never>, (done) => () => answer(done()))
        : answer(decision as Lines)
    })
    .pipe(unlessStoreFails(command, label))
}

/** Performs an act on a room. Members may set the topic; everything else is reserved for the owner. */
const acting = (
  { command, label, name, peer, refuse }: RoomCall,
  rooms: RoomsContext,
  act: RoomAct
): Effect.Effect<Answer> => {
  const { host, index } = rooms
  const find = (): Room | NotDone => {
    const room = index.find(peer, name)
    if (typeof room === "string") return { reason: room }
    const isOwner = peer.device !== undefined && peer.device.account.id === room.owner
    return act._tag === "Topic" || isOwner ? room : { reason: "not-owner" }
  }
  return RoomActs.perform(rooms, { name: peer.name, peer }, act, find, (result) =>
    answerNow(host.broker, peer, RoomActs.isDone(result) ? [result(label)] : refuse(result.reason, result))
  ).pipe(unlessStoreFails(command, label))
}

const badForm = ({ usage }: Pick<Row, "usage">, { label }: Call): Lines => [
  Reply.badLine(`write '${usage}'; a room's name is '#' and a name`)(label)
]
