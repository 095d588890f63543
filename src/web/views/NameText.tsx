import * as RoomReports from "../../client/RoomReports.js"
import { Icon } from "./Icons.js"

/** The number of colours in the style sheet. */
const hues = 8

/** The same for a name on every page. */
const hueOf = (name: string): number => {
  let sum = 0
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521
  return sum % hues
}

/** A name, whose direction has no effect on what is around it. */
export const NameText = ({ name }: { readonly name: string }) => <bdi class="name-text">{name}</bdi>

/** The first character of a name on a colour of its own, or the mark of a room. */
export const Avatar = ({
  isHere,
  isLocked,
  name
}: {
  readonly name: string
  readonly isHere?: boolean
  readonly isLocked?: boolean
}) => {
  if (RoomReports.isRoom(name)) {
    return (
      <span class="avatar room" data-initial={isLocked === true ? "" : "#"} aria-hidden="true">
        {isLocked === true && <Icon name="lock" />}
      </span>
    )
  }
  const [first = ""] = name
  return (
    <span class={`avatar hue-${hueOf(name)}`} data-initial={first.toUpperCase()} aria-hidden="true">
      {isHere === undefined ? null : <span class={isHere ? "dot here" : "dot"} />}
    </span>
  )
}
