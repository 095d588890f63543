import * as RoomReports from "../client/RoomReports.js"
import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import type { Meaning } from "./TypedLine.js"

/** The commands about rooms and conversations, on a server that has rooms. */

/** The commands, with their descriptions. */
export const commands: ReadonlyArray<readonly [usage: string, about: string]> = [
  ["/join #ROOM", "enters a room; creates it if there is none"],
  ["/leave [#ROOM]", "leaves a room; so does /part"],
  ["/go NAME", "goes to a room or a user, also by its number; alone, lists them"],
  ["/rooms", "lists the rooms that you are in or may join"],
  ["/members", "lists the members of the room"],
  ["/topic [TEXT]", "shows the topic of the room, or sets it"],
  ["/history", "shows earlier lines, as does PageUp"],
  ["/search TEXT", "finds lines with these words; `/search in=#ROOM TEXT`"],
  ["/mute [NAME]", "from now on does not list what is unread there, or lists it again"],
  ["/invite NAME", "for the room's owner, as are `/remove NAME`, `/owner NAME`, /lock, /unlock"],
  ["/silence NAME 10m", "keeps NAME from writing; `/unsilence NAME`; `/slow 5s` and `/slow off` for all"]
]

/** Words that other chats use for them. */
const aliases: ReadonlyMap<string, string> = new Map([
  ["/j", "/join"],
  ["/part", "/leave"],
  ["/names", "/members"],
  ["/buffer", "/go"],
  ["/switch", "/go"],
  ["/query", "/go"]
])

/** Commands about a room, with an example of the argument after the room's name, and its number of words. */
const aboutRooms: ReadonlyMap<string, readonly [example: string, words: number]> = new Map([
  ["/leave", ["", 0]],
  ["/members", ["", 0]],
  ["/lock", ["", 0]],
  ["/unlock", ["", 0]],
  ["/topic", ["TEXT", Infinity]],
  ["/invite", ["bob", 1]],
  ["/remove", ["bob", 1]],
  ["/owner", ["bob", 1]],
  ["/unsilence", ["bob", 1]],
  ["/silence", ["bob 10m", 2]],
  ["/slow", ["5s", 1]]
])

export const roomCommandNames: ReadonlyArray<string> = [
  ...commands.map(([usage]) => usage.split(" ")[0] ?? usage),
  "/part",
  ...[...aboutRooms.keys()].filter((name) => !commands.some(([usage]) => usage.split(" ")[0] === name))
]

/** Whether a command is followed by the name of a conversation. */
export const takesConversation = (name: string): boolean => ["/go", "/mute"].includes(aliases.get(name) ?? name)

/** The kind of optional argument of a command about a room; undefined for any other command. */
export const takes = (name: string): "rooms" | "names" | undefined => {
  const [example] = aboutRooms.get(aliases.get(name) ?? name) ?? []
  return example === undefined ? undefined : /^[a-z]/u.test(example) ? "names" : "rooms"
}

/** Whether a text can be the name of a room. */
export const isRoomName = (text: string): boolean =>
  RoomReports.isRoom(text) && Name.parse(Wire.encode(text.slice(1))) !== undefined && !/\s/u.test(text)

const mistake = (text: string): Meaning => ({ _tag: "Mistake", text })

/**
 * The meaning of a command; undefined if it is none of these.
 *
 * @param to the recipients of the next line; a command that names no room is about theirs
 */
export const parse = (typed: string, argument: string, to: ReadonlyArray<string>): Meaning | undefined => {
  const name = aliases.get(typed) ?? typed
  switch (name) {
    case "/join": {
      const room = argument === "" || RoomReports.isRoom(argument) ? argument : `#${argument}`
      return isRoomName(room) ? { _tag: "Join", room } : mistake("write /join and the name of a room: /join #ops")
    }
    case "/go":
      return { _tag: "Go", name: argument.replace(/:$/u, "").trim() }
    case "/rooms":
      return argument === "" ? { _tag: "Command", line: name } : mistake(`write ${name} alone`)
    case "/history":
      return argument === "" ? { _tag: "Earlier" } : { _tag: "Command", line: `${name} ${argument}` }
    case "/search":
      return argument === "" ? mistake("write /search and some words") : { _tag: "Search", text: argument }
    case "/mute": {
      const [only] = to
      if (argument !== "") return { _tag: "Mute", name: argument }
      return only === undefined ? mistake("write /mute and a name: /mute #ops") : { _tag: "Mute", name: only }
    }
    default:
      return aboutRoom(name, argument, to)
  }
}

const aboutRoom = (name: string, argument: string, to: ReadonlyArray<string>): Meaning | undefined => {
  const [example, words] = aboutRooms.get(name) ?? []
  if (example === undefined || words === undefined) return undefined
  const usage = `${name} #ops${example === "" ? "" : ` ${example}`}`
  const [, named, rest = ""] = /^(#\S*)(?:\s+(.*))?$/su.exec(argument) ?? [undefined, undefined, argument]
  const room = named ?? to.find(RoomReports.isRoom)
  const given = rest === "" ? 0 : rest.split(/\s+/u).length
  const isComplete = words === Infinity || given === words
  if (room === undefined || !isRoomName(room) || !isComplete) return mistake(`write ${usage}`)
  return { _tag: "Command", line: [name, room, ...(rest === "" ? [] : [rest])].join(" ") }
}
