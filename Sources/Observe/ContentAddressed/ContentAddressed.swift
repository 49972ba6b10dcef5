// SPDX-License-Identifier: Apache-2.0

package import Disk
package import Model

/// Reads `image/<driver>`: images, layers and container layers as Docker 1.10 and later record them, for one driver.
package struct ContentAddressed: Reader {
    let driver: String

    package init(driver: StorageDriver) { self.driver = driver.rawValue }

    package func items(in root: Directory) -> Findings {
        var findings = LayerDatabase(driver: driver).items(in: root)
        findings.merge(ImageDatabase(driver: driver).items(in: root))
        return findings
    }

    package func claims(in root: Directory, among items: Findings) -> Findings {
        var findings = Findings()
        let database = LayerDatabase(driver: driver)
        let layers = database.layers(in: root, among: items, into: &findings)
        database.claimMounts(in: root, among: items, into: &findings)
        database.bundleWriteSets(in: root, among: items, into: &findings)
        findings.merge(ImageDatabase(driver: driver).claims(in: root, among: items, layers: layers))
        for (chainID, layer) in layers.sorted(by: { $0.key < $1.key }) {
            let directory = items.has(layer.directory) ? layer.directory : nil
            findings.catalog.layers.append(
                LayerRecord(
                    chainID: chainID, parent: layer.parent, driver: driver, directory: directory, bytes: layer.bytes))
        }
        return findings
    }
}
