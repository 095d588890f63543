import * as DidYouMean from "../protocol/DidYouMean.js"
import * as Outcomes from "../client/Outcomes.js"
import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import * as RoomInput from "./RoomInput.js"

/** The meaning of a typed line. */
export type Meaning =
  /** A message. The next line without recipients goes to the same recipients. */
  | { readonly _tag: "Say"; readonly to: ReadonlyArray<string>; readonly text: string }
  /** Sends nothing, but chooses the recipients of the next lines. */
  | { readonly _tag: "Turn"; readonly to: ReadonlyArray<string> }
  | { readonly _tag: "Who" | "Help" | "Quit" }
  | { readonly _tag: "Join"; readonly room: string }
  /** Goes to a conversation; without a name, lists them. */
  | { readonly _tag: "Go"; readonly name: string }
  /** Shows earlier lines. */
  | { readonly _tag: "Earlier" }
  | { readonly _tag: "Search"; readonly text: string }
  /** Mutes or unmutes a conversation. */
  | { readonly _tag: "Mute"; readonly name: string }
  /** Asks for a new password, and sends it to the server with this command. */
  | { readonly _tag: "NewPassword"; readonly command: "register" | "password" }
  /** A command that the server answers. */
  | { readonly _tag: "Command"; readonly line: string }
  /** Without names, lists the ignored users. */
  | { readonly _tag: "Ignore"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Switch"; readonly what: "time" | "joins"; readonly on: boolean }
  | { readonly _tag: "Extent"; readonly what: "bell" | "notify"; readonly extent: Extent }
  | { readonly _tag: "Mistake"; readonly text: string }

/** The messages that a notification is for: all, those that mention the user, or none. */
export const extents = ["on", "mentions", "off"] as const

export type Extent = (typeof extents)[number]

/** Whether the extent includes a message. */
export const isFor = (extent: Extent, isMention: boolean): boolean =>
  extent === "on" || (extent === "mentions" && isMention)

/** The context on which the meaning of a line depends. */
export interface TypingContext {
  /** Recipients of the last line. */
  readonly to: ReadonlyArray<string>
  readonly lastSender: string | undefined
  /** The other recipients of that sender's message. */
  readonly lastOthers: ReadonlyArray<string>
  /**
   * Whether a user of that name is present, or has exchanged messages with this user; or whether this user is in a
   * room.
   */
  readonly isKnown: (name: string) => boolean
  /** Whether the server has rooms. */
  readonly hasRooms?: boolean
}

/** The commands of every server, with their descriptions. */
const everywhere: ReadonlyArray<readonly [usage: string, about: string]> = [
  ["/who", "lists the users who are connected"],
  ["/reply [TEXT]", "replies to the last sender"],
  ["/all [TEXT]", "replies to the last sender and the other recipients"],
  ["/me TEXT", "sends what you do; it is shown as `* alice TEXT`"],
  ["/ignore [NAME]", "hides what NAME sends, or shows it again"],
  ["/time on|off", "shows the time when the minute changes"],
  ["/bell on|off", "rings for a message; `/bell mentions` only if it mentions you"],
  ["/notify on|off", "notifies of a message while you look elsewhere; also `/notify mentions`"],
  ["/joins on|off", "shows users who join and leave"],
  ["/register", "turns your name into an account; asks for a password"],
  ["/password", "changes your password; logs your other devices out"],
  ["/token DEVICE", "shows a secret with which DEVICE can log in"],
  ["/devices", "lists the devices of your account; `/forget DEVICE`"],
  ["/help", "shows this help"],
  ["/quit", "leaves, as do Ctrl-D and Ctrl-C"]
]

/** The commands, with their descriptions: those that every server has, and those of one with rooms. */
export const commands = (hasRooms: boolean): typeof everywhere =>
  hasRooms ? [...RoomInput.commands, ...everywhere] : everywhere

const namesEverywhere: ReadonlyArray<string> = everywhere.map(([usage]) => usage.split(" ")[0] ?? usage)

export const commandNames = (hasRooms: boolean): ReadonlyArray<string> =>
  hasRooms ? [...RoomInput.roomCommandNames, ...namesEverywhere] : namesEverywhere

const mistake = (text: string): Meaning => ({ _tag: "Mistake", text })

const noRecipient = mistake("no recipient yet; write `name: text`, and later lines go to the same name")

/**
 * Total. A line that starts with a space is text, whatever it contains. Otherwise `/` starts a command, and
 * `bob, carol: hi` is a message to both if its head consists of names. `note:this` and `http://x` address no one unless
 * a user of that name is known: a stranger is addressed only with a space after the colon.
 */
export const parse = (line: string, context: TypingContext): Meaning => {
  if (line.startsWith("/")) return command(line, context)
  if (/^\s/u.test(line))
    return context.to.length === 0 ? noRecipient : { _tag: "Say", to: context.to, text: line.trim() }
  const otherwise = sigil(line, context)
  if (otherwise !== undefined) return otherwise
  const addressed = address(line, context)
  if (addressed !== undefined) {
    return addressed.text === "" ? { _tag: "Turn", to: addressed.to } : { _tag: "Say", ...addressed }
  }
  return context.to.length === 0 ? noRecipient : { _tag: "Say", to: context.to, text: line.trim() }
}

/** Recipients as other chats write them. The line must not be taken for a text to the current recipients. */
const sigil = (line: string, { hasRooms = false }: TypingContext): Meaning | undefined => {
  const [, mentioned] = /^@([^\s:,]+)/u.exec(line) ?? []
  const colon = line.indexOf(":")
  const heads = colon < 0 ? [] : line.slice(0, colon).split(",")
  const isOdd = (head: string) => /^[#@]\S*$/u.test(head) && !(hasRooms && RoomInput.isRoomName(head))
  const marked = mentioned === undefined ? heads.map((head) => head.trim()).find(isOdd) : `@${mentioned}`
  if (marked === undefined) return undefined
  const name = marked.slice(1)
  const text = "a leading blank makes the line text"
  return mistake(
    marked.startsWith("@") && isName(name)
      ? `write ${name}: and then the text; ${text}`
      : `"${marked}" is not a name; ${text}`
  )
}

const address = (line: string, { hasRooms = false, isKnown }: TypingContext) => {
  const colon = line.indexOf(":")
  if (colon < 0) return undefined
  const to = Outcomes.distinct(line.slice(0, colon).split(","))
  const isSpaced = colon + 1 === line.length || /^\s/u.test(line.slice(colon + 1))
  const isRecipient = (name: string) => isName(name) || (hasRooms && RoomInput.isRoomName(name))
  const isPossible = to.every((name) => isKnown(name) || (isSpaced && isRecipient(name)))
  return to.length > 0 && isPossible ? { to, text: line.slice(colon + 1).trim() } : undefined
}

const isName = (name: string) => Name.parse(Wire.encode(name)) !== undefined

/** Commands of other chats, and what to write instead. */
const habits: ReadonlyArray<readonly [names: string, instead: string]> = [
  ["/msg /m /w /whisper /tell /pm /dm /query /notice", "write `bob: text`"],
  ["/nick /name", "the name is chosen at the login: /quit, and start again with --login NAME"],
  ["/names /users /list /online /whois", "/who lists the users who are connected"],
  ["/join /j /part /topic /invite /rooms", "there are no rooms; `bob, carol: text` writes to several users"],
  ["/block /mute /unignore /unblock", "/ignore NAME hides what NAME sends, or shows it again"],
  ["/exit /q /bye /leave /disconnect", "/quit leaves"],
  ["/clear /cls", "Ctrl-L clears the screen"],
  ["/r", "/reply TEXT replies to the last sender"],
  ["/?", "/help lists the commands"]
]

const insteadOf = (name: string, argument: string): string | undefined => {
  const [names, instead] = habits.find(([names]) => names.split(" ").includes(name)) ?? []
  if (names === undefined || !names.startsWith("/msg")) return instead
  const [, to = "", text = ""] = /^(\S+)\s+(.*)$/su.exec(argument) ?? []
  return isName(to) ? `write \`${to}: ${text}\`` : instead
}

const command = (line: string, context: TypingContext): Meaning => {
  const { hasRooms = false, isKnown, lastOthers, lastSender, to } = context
  const end = line.search(/\s|$/u)
  const [name, argument] = [line.slice(0, end), line.slice(end).trim()]
  const aboutRooms = hasRooms ? RoomInput.parse(name, argument, to) : undefined
  if (aboutRooms !== undefined) return aboutRooms
  switch (name) {
    case "/who":
      return { _tag: "Who" }
    case "/help":
      return { _tag: "Help" }
    case "/quit":
      return { _tag: "Quit" }
    case "/register":
    case "/password":
      return argument === ""
        ? { _tag: "NewPassword", command: name === "/register" ? "register" : "password" }
        : mistake(
            `write ${name} alone: it asks for the password and does not show it; what you have typed was not sent`
          )
    case "/token":
    case "/forget":
      return /^\S+$/u.test(argument)
        ? { _tag: "Command", line: `${name} ${argument}` }
        : mistake(`write ${name} and the name of a device: ${name} phone`)
    case "/devices":
      return argument === "" ? { _tag: "Command", line: name } : mistake(`write ${name} alone`)
    case "/reply":
    case "/all": {
      if (lastSender === undefined) return mistake("no one has written to you yet")
      const to = name === "/all" ? [lastSender, ...lastOthers] : [lastSender]
      return argument === "" ? { _tag: "Turn", to } : { _tag: "Say", to, text: argument }
    }
    case "/ignore": {
      const names = Outcomes.distinct(argument.split(","))
      const wrong = names.find((one) => !isKnown(one) && !isName(one))
      return wrong === undefined
        ? { _tag: "Ignore", names }
        : mistake(`"${wrong}" is not a name; write /ignore bob, or /ignore bob, carol`)
    }
    case "/me":
      if (argument === "") return mistake("write /me and what you do: /me waves")
      return to.length === 0 ? noRecipient : { _tag: "Say", to, text: line.trim() }
    case "/bell":
    case "/notify": {
      const extent = extents.find((one) => one === argument)
      return extent === undefined
        ? mistake(`write ${name} on, ${name} mentions or ${name} off`)
        : { _tag: "Extent", what: name === "/bell" ? "bell" : "notify", extent }
    }
    case "/time":
    case "/joins": {
      const what = name === "/time" ? "time" : "joins"
      return argument === "on" || argument === "off"
        ? { _tag: "Switch", what, on: argument === "on" }
        : mistake(`write ${name} on or ${name} off`)
    }
    default: {
      const instead = insteadOf(name, argument)
      if (instead !== undefined) return mistake(`there is no ${name}; ${instead}`)
      const help = "/help lists the commands, and a leading blank makes the line text"
      const meant = DidYouMean.nearest(name, commandNames(hasRooms))
      return mistake(`unknown command ${name}; ${meant === undefined ? "" : `did you mean ${meant}? `}${help}`)
    }
  }
}
