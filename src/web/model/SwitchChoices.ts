import type { Chat } from "./Chat.js"
import * as Typed from "./Typed.js"

export interface Choice {
  readonly name: string
  readonly about: string
  readonly run: () => Promise<void>
}

const maxChoices = 40

const membersText = (count: number) => (count === 1 ? "1 member" : `${count} members`)

/**
 * Where the user can go: known conversations, rooms, those who are present, and what the text names, the most likely
 * first. A whole name comes before longer ones that begin with it: `bob` must not lead to `bobby`, or `#c` to `#clock`.
 */
export const choicesFor = (chat: Chat, typed: string): ReadonlyArray<Choice> => {
  const open = (name: string) => () => Promise.resolve(chat.reading.open(name))
  const choices = new Map<string, Choice>()
  const add = (choice: Choice) => {
    if (!choices.has(choice.name)) choices.set(choice.name, choice)
  }
  for (const { isRoom, name, state } of chat.conversations.all) {
    const { isIn, isListed, topic, unread } = state.value
    if (!isListed || (isRoom && !isIn)) continue
    add({ name, about: unread > 0 ? `${unread} unread` : topic, run: open(name) })
  }
  for (const { isLocked, members, room, topic } of chat.rooms.value) {
    // A locked room is listed only for accounts that are invited.
    const about = [...(isLocked ? ["you are invited"] : []), topic === "" ? membersText(members) : topic].join(" · ")
    add({ name: room, about, run: () => chat.join(room) })
  }
  for (const name of chat.present.value) if (name !== chat.me) add({ name, about: "here", run: open(name) })
  const wanted = typed.trim().toLowerCase()
  const found = [...choices.values()].filter(({ name }) => name.toLowerCase().includes(wanted))
  const isExact = found.some(({ name }) => name.toLowerCase() === wanted)
  const rank = ({ name }: Choice) => {
    const lower = name.toLowerCase()
    return lower === wanted ? 0 : lower.replace(/^#/u, "").startsWith(wanted.replace(/^#/u, "")) ? 1 : 2
  }
  const sorted = found.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)).slice(0, maxChoices)
  const user = typed.trim().startsWith("#") ? undefined : Typed.userName(typed)
  const room = Typed.roomName(typed)
  const others: Array<Choice> = []
  if (user !== undefined && !choices.has(user))
    others.push({ name: user, about: "write to this name", run: open(user) })
  const hasRooms = chat.facts.value?.rooms !== undefined
  if (hasRooms && room !== undefined && wanted !== "" && !choices.has(room)) {
    others.push({ name: room, about: "create this room", run: () => chat.join(room) })
  }
  // Without `#`, the beginning of a room's name is no name of a room.
  const isAboutRoom = wanted.startsWith("#")
  const hasLonger = sorted.some(
    ({ name }) => name.startsWith("#") === isAboutRoom && name.toLowerCase().startsWith(wanted)
  )
  const whole = hasLonger && !isExact ? others.filter(({ name }) => name.startsWith("#") === isAboutRoom) : []
  return [...whole, ...sorted, ...others.filter((one) => !whole.includes(one))]
}
