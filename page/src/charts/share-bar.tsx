/** A bar of a share between 0 and 1, with a mark at the threshold. */

interface Props {
  share: number
  threshold?: number | undefined
  isOn?: boolean
}

export function ShareBar({ share, threshold, isOn = true }: Props) {
  return (
    <span class="share-bar" aria-hidden="true">
      <i class={isOn ? 'on' : 'off'} style={{ width: `${100 * share}%` }} />
      {threshold !== undefined && <i class="threshold" style={{ left: `${100 * threshold}%` }} />}
    </span>
  )
}
