/** What the model is not for, as its recipe states it. */

export function Limits({ limits }: { limits: string[] | null }) {
  if (!limits?.length) return null
  return (
    <section class="limits">
      <h3>Limits</h3>
      <ul>
        {limits.map((each) => (
          <li key={each}>
            <bdi>{each}</bdi>
          </li>
        ))}
      </ul>
    </section>
  )
}
