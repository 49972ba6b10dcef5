// SPDX-License-Identifier: Apache-2.0

package import Decide
package import Model
import Observe

/// What is wrong with a host: damage, dangerous settings, engines with known bugs. Changes nothing.
///
/// - Parameter settings: the daemon's settings, where somebody names them.
/// - Returns: the findings, worst first, and what was looked at for them.
package func examine(
    _ survey: Survey, settings file: String?, _ request: Request
) -> (findings: [Diagnosis], settings: HostSettings) {
    // Settings on this host are those of a root only if they say so; a root that is looked at offline may be a copy.
    let settings = hostSettings(
        of: survey.opened, survey.catalog.containers, file: file, sources: request.rootSources)
    let patient = Patient(
        root: survey.root.path, items: survey.items, problems: survey.problems, catalog: survey.catalog,
        settings: settings, engineVersion: survey.engine.version, imageStore: survey.engine.imageStore)
    return (Decide.examine(patient), settings)
}
