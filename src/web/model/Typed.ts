import * as DidYouMean from "../../protocol/DidYouMean.js"
import * as Name from "../../protocol/Name.js"
import * as RoomName from "../../protocol/RoomName.js"
import * as Wire from "../../protocol/Wire.js"

/** What the user has typed. */
export type Typed =
  | { readonly _tag: "Say"; readonly lines: ReadonlyArray<string> }
  | { readonly _tag: "Join"; readonly room: string }
  /** Goes to a conversation with another user, and sends a text there if there is one. */
  | { readonly _tag: "Write"; readonly name: string; readonly text: string }
  | { readonly _tag: "Search"; readonly text: string }
  | { readonly _tag: "Leave" | "Mute" | "Help" | "You" | "Who" }
  /** A command that the server answers. */
  | { readonly _tag: "Command"; readonly line: string }
  | { readonly _tag: "Mistake"; readonly text: string }

/** The commands, and what they do. */
export const commands: ReadonlyArray<readonly [usage: string, about: string]> = [
  ["/join #ROOM", "enters a room, and creates it if there is none"],
  ["/msg NAME TEXT", "writes to a user; /msg NAME goes to the conversation"],
  ["/leave", "leaves this room"],
  ["/topic TEXT", "says what this room is about"],
  ["/who", "shows who is here"],
  ["/search TEXT", "finds lines with these words"],
  ["/mute", "no marks and notifications from here, unless someone mentions you; again to end that"],
  ["/me TEXT", "sends what you do"],
  ["/invite NAME", "for the room's owner, as are /remove NAME, /owner NAME, /lock and /unlock"],
  ["/silence NAME 10m", "keeps a member from writing; /unsilence NAME; /slow 5s and /slow off for all"],
  ["/devices", "lists the devices of your account"],
  ["/help", "shows these commands"],
  ["/quit", "logs out"]
]

/** What follows the room in a command about one, in words. */
const aboutRooms: ReadonlyMap<string, number> = new Map([
  ["topic", Infinity],
  ["invite", 1],
  ["remove", 1],
  ["owner", 1],
  ["silence", 2],
  ["unsilence", 1],
  ["slow", 1],
  ["lock", 0],
  ["unlock", 0],
  ["members", 0]
])

const aliases: ReadonlyMap<string, string> = new Map([
  ["j", "join"],
  ["part", "leave"],
  ["m", "msg"],
  ["query", "msg"],
  ["go", "msg"],
  ["names", "who"],
  ["members", "who"],
  ["exit", "quit"],
  ["logout", "quit"],
  ["?", "help"]
])

const names = [
  ...commands.map(([usage]) => usage.slice(1).split(" ")[0] ?? ""),
  ...aboutRooms.keys(),
  ...aliases.keys()
]

/** The name of a user in NFC; undefined if the text is none. */
export const userName = (text: string): string | undefined => {
  const name = Name.parse(Wire.encode(text))
  return name === undefined ? undefined : Wire.decode(name)
}

/** The name of a room in NFC, with its `#`, which may be left out; undefined if the text is none. */
export const roomName = (text: string): string | undefined => {
  const trimmed = text.trim()
  const name = RoomName.parse(Wire.encode(trimmed.startsWith("#") ? trimmed : `#${trimmed}`))
  return name === undefined ? undefined : Wire.decode(name)
}

const mistake = (text: string): Typed => ({ _tag: "Mistake", text })

// oxlint-disable-next-line no-control-regex
const control = /[\0-\x08\x0b-\x1f\x7f-\x9f]/gu

/** The lines of a text: none is empty, and control characters, which the protocol does not allow, are left out. */
export const linesOf = (text: string): ReadonlyArray<string> =>
  text
    .split(/\r\n|[\n\r\u0085\u2028\u2029]/u)
    .map((line) => line.replace(control, "").trimEnd())
    .filter((line) => line.trim() !== "")

/** As the server sends it to others: without white space at both ends. */
const withoutEnds = (line: string): string => Wire.decode(Wire.trim(Wire.encode(line)))

/**
 * The meaning of a text. It is a command if it is one line that starts with `/`; a blank before it, or a second `/`,
 * makes it text.
 *
 * @param conversation the one that the text is typed in
 */
export const parse = (text: string, conversation: string): Typed => {
  const lines = linesOf(text)
  const [first = ""] = lines
  if (lines.length !== 1 || !first.startsWith("/") || first.startsWith("/me ")) {
    return { _tag: "Say", lines: lines.map(withoutEnds) }
  }
  if (first.startsWith("//")) return { _tag: "Say", lines: [first.slice(1)] }
  const end = first.search(/\s|$/u)
  const typed = first.slice(1, end).toLowerCase()
  return command(aliases.get(typed) ?? typed, typed, first.slice(end).trim(), conversation)
}

const command = (name: string, typed: string, argument: string, conversation: string): Typed => {
  switch (name) {
    case "join": {
      const room = roomName(argument)
      return room === undefined ? mistake("write /join and the name of a room: /join #ops") : { _tag: "Join", room }
    }
    case "msg": {
      const [, to = "", text = ""] = /^(\S+)\s*([^]*)$/u.exec(argument) ?? []
      if (to.startsWith("#")) return { _tag: "Join", room: roomName(to) ?? to }
      const user = userName(to.replace(/[:,]$/u, ""))
      return user === undefined
        ? mistake("write /msg, a name and a text: /msg bob hi")
        : { _tag: "Write", name: user, text }
    }
    case "search":
      return argument === "" ? mistake("write /search and some words") : { _tag: "Search", text: argument }
    case "leave":
      return conversation.startsWith("#") ? { _tag: "Leave" } : mistake("/leave is for rooms")
    case "me":
      return mistake("write /me and what you do: /me waves")
    case "mute":
      return { _tag: "Mute" }
    case "help":
      return { _tag: "Help" }
    // There the user logs out, creates the account, and changes the password: what follows here is not shown to anyone.
    case "quit":
    case "register":
    case "password":
      return { _tag: "You" }
    case "who":
      return { _tag: "Who" }
    case "devices":
      return { _tag: "Command", line: name }
    default:
      return aboutRoom(name, typed, argument, conversation)
  }
}

const aboutRoom = (name: string, typed: string, argument: string, conversation: string): Typed => {
  const words = aboutRooms.get(name)
  if (words === undefined) {
    const meant = DidYouMean.nearest(typed, names)
    const question = meant === undefined ? "." : `; did you mean /${meant}?`
    return mistake(`there is no command /${typed}${question} A second slash makes it text: //${typed}`)
  }
  if (!conversation.startsWith("#")) return mistake(`/${name} is for rooms`)
  const given = argument === "" ? 0 : argument.split(/\s+/u).length
  if (words !== Infinity && given !== words) return mistake(`write ${usageOf(name)}`)
  return { _tag: "Command", line: [name, conversation, ...(argument === "" ? [] : [argument])].join(" ") }
}

const usageOf = (name: string): string => {
  if (name === "silence") return "/silence bob 10m"
  if (name === "slow") return "/slow 5s, or /slow off"
  return aboutRooms.get(name) === 0 ? `/${name} alone` : `/${name} bob`
}
