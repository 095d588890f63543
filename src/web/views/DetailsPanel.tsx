import { useSignal } from "@preact/signals"
import type { Chat } from "../model/Chat.js"
import { Icon } from "./Icons.js"
import { Avatar, NameText } from "./NameText.js"
import type { ConversationProps } from "./View.js"

/** More names are counted, and found by typing. */
const maxNames = 300

const People = ({
  chat,
  names,
  title
}: {
  readonly chat: Chat
  readonly title: string
  readonly names: ReadonlyArray<string>
}) => (
  <section>
    <h3>
      {title} <span class="quiet">{names.length}</span>
    </h3>
    <ul>
      {names.slice(0, maxNames).map((name) => (
        <li key={name}>
          <button type="button" class="item" disabled={name === chat.me} onClick={() => chat.reading.open(name)}>
            <Avatar name={name} isHere={chat.present.value.has(name)} />
            <NameText name={name} />
            {name === chat.me && <span class="mark">you</span>}
          </button>
        </li>
      ))}
    </ul>
    {names.length > maxNames && <p class="quiet">and {names.length - maxNames} more</p>}
  </section>
)

/** A field that sends a command about the room. */
const CommandField = ({
  action,
  initial,
  label,
  maxLength,
  run
}: {
  readonly label: string
  readonly action: string
  readonly initial: string
  readonly maxLength: number
  readonly run: (text: string) => Promise<boolean>
}) => {
  const text = useSignal(initial)
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault()
        const sent = text.peek()
        void run(sent.trim()).then((isDone) => {
          if (isDone && initial === "" && text.peek() === sent) text.value = ""
        })
      }}
    >
      <label>
        <span>{label}</span>
        <input
          value={text}
          dir="auto"
          maxLength={maxLength}
          onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={text.value.trim() === initial.trim()}>
        {action}
      </button>
    </form>
  )
}

const RoomSettings = ({ chat, conversation: { name, state }, view }: ConversationProps) => {
  const { isLocked, owner, topic } = state.value
  const isOwner = owner === chat.me && chat.isOfAccount
  const say = (line: string) => chat.command(line, name)
  return (
    <section class="settings">
      <CommandField
        key={topic}
        label="Topic"
        action="Set"
        initial={topic}
        maxLength={300}
        run={(text) => say(`topic ${name}${text === "" ? " " : ` ${text}`}`)}
      />
      {isOwner && (
        <CommandField
          label="Invite an account"
          action="Invite"
          initial=""
          maxLength={32}
          run={(text) => say(`invite ${name} ${text}`)}
        />
      )}
      <p class="quiet">
        {owner === undefined ? "Nobody owns this room." : isOwner ? "You own this room." : `Owned by ${owner}.`}
        {isLocked ? " It is locked: only who is invited can join." : ""}
      </p>
      <div class="buttons">
        {isOwner && (
          <button type="button" onClick={() => void say(`${isLocked ? "unlock" : "lock"} ${name}`)}>
            {isLocked ? "Unlock the room" : "Lock the room"}
          </button>
        )}
        <MuteButton chat={chat} name={name} isMuted={state.value.isMuted} />
        <button
          type="button"
          class="danger"
          onClick={() => {
            view.panel.value = undefined
            void chat.type("/leave", name)
          }}
        >
          Leave the room
        </button>
      </div>
    </section>
  )
}

const MuteButton = ({
  chat,
  isMuted,
  name
}: {
  readonly chat: Chat
  readonly name: string
  readonly isMuted: boolean
}) => (
  <button type="button" aria-pressed={isMuted} onClick={() => chat.toggleMuted(name)}>
    {isMuted ? "Muted" : "Mute"}
  </button>
)

/** The members of a room, or who is present; and what can be changed. */
export const DetailsPanel = ({ chat, conversation, view }: ConversationProps) => {
  const { isRoom, name, state } = conversation
  const { isIn, isMuted, members = [] } = state.value
  const present = chat.present.value
  const here = isRoom
    ? members.filter((member) => present.has(member))
    : [...present].toSorted((a, b) => a.localeCompare(b))
  return (
    <aside class="panel" aria-label={isRoom ? "Members and settings" : "Who is here"}>
      <header>
        <h2>{isRoom ? "Members" : "Who is here"}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={() => (view.panel.value = undefined)}>
          <Icon name="close" />
        </button>
      </header>
      <div class="items">
        {chat.link.value._tag !== "Online" && <p class="quiet pad">Not known while you are cut off.</p>}
        {here.length > 0 && <People chat={chat} title="Here" names={here} />}
        {isRoom && members.length > here.length && (
          <People chat={chat} title="Away" names={members.filter((member) => !present.has(member))} />
        )}
        {isRoom && isIn ? (
          <RoomSettings chat={chat} conversation={conversation} view={view} />
        ) : (
          <section class="settings">
            <div class="buttons">
              <MuteButton chat={chat} name={name} isMuted={isMuted} />
            </div>
          </section>
        )}
      </div>
    </aside>
  )
}
