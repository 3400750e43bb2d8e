/** 100 dots, of which as many are filled as a probability has percent. */

interface Props {
  probability: number
  label: string
}

const COLUMNS = 20
const DISTANCE = 10

export function IconArray({ probability, label }: Props) {
  const filled = Math.round(100 * probability)
  return (
    <figure class="icons">
      <svg viewBox={`0 0 ${COLUMNS * DISTANCE} ${(100 / COLUMNS) * DISTANCE}`} role="img" aria-label={`${filled} of 100`}>
        {Array.from({ length: 100 }, (_, place) => (
          <circle
            key={place}
            class={place < filled ? 'on' : 'off'}
            cx={(place % COLUMNS) * DISTANCE + DISTANCE / 2}
            cy={Math.floor(place / COLUMNS) * DISTANCE + DISTANCE / 2}
            r={3.6}
          />
        ))}
      </svg>
      <figcaption>
        Of 100 cases with this probability, about <b>{filled}</b> are “<bdi>{label}</bdi>”, if the
        probabilities are right.
      </figcaption>
    </figure>
  )
}
